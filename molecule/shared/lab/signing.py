# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The key that signs a lab's repository. It has no passphrase and dies with the lab."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .names import MARK
from .shell import run

PARAMETERS = """\
%no-protection
Key-Type: eddsa
Key-Curve: ed25519
Key-Usage: sign
Name-Real: Lockstep lab
Name-Email: lab@localhost
Expire-Date: 0
%commit
"""


class Signer:
    """A GnuPG home folder with one key."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def exists(self) -> bool:
        """Whether the key has been made."""
        return (self.home / "made").exists()

    def ensure(self) -> None:
        """Make the key unless there is one."""
        if self.exists():
            return
        self.forget()
        self.home.mkdir(parents=True, mode=0o700)
        self._gpg("--gen-key", stdin=PARAMETERS)
        (self.home / "made").touch()

    def forget(self) -> None:
        """Throw the key away."""
        if self.home.exists():
            run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=False, env=self._env())
            shutil.rmtree(self.home, ignore_errors=True)

    def clear(self, text: str) -> str:
        """text with an inline signature."""
        return self._gpg("--clearsign", stdin=text)

    def detached(self, text: str) -> str:
        """An armoured signature of text."""
        return self._gpg("--armor", "--detach-sign", stdin=text)

    def sign_rpm(self, path: Path) -> None:
        """Sign an RPM package in place."""
        defines = {
            "_gpg_path": self.home,
            "_gpg_name": "Lockstep lab",
            "_gpg_digest_algo": "sha256",
            "__gpg": "/usr/bin/gpg",
        }
        words = [text for key, value in defines.items() for text in ("--define", f"{key} {value}")]
        run(["rpmsign", *words, "--addsign", str(path)], env={**self._env(), "HOME": str(self.home)})

    def public_key(self) -> str:
        """The armoured public key."""
        return self._gpg("--armor", "--export")

    def fingerprint(self) -> str:
        """Fingerprint of the key, 40 hex digits."""
        for line in self._gpg("--with-colons", "--list-keys").splitlines():
            if line.startswith("fpr:"):
                return line.split(":")[9]
        return ""

    def _env(self) -> dict[str, str]:
        # the home folder is the lab's, so the agent that gpg starts carries the lab's mark
        return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", MARK: str(self.home.parents[1])}

    def _gpg(self, *arguments: str, stdin: str = "") -> str:
        base = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--no-tty", "--digest-algo", "SHA256"]
        return run([*base, *arguments], stdin=stdin, env=self._env()).stdout

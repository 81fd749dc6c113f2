# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sign an approval, and find out who signed one, with what people keep their keys in: ssh-keygen and GnuPG."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.approvals import Rule
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import one_line, plain

NAMESPACE = "lockstep"
GPG = "gpg"
SECONDS = 60
_GPG_GOOD = re.compile(r"^\[GNUPG:\] VALIDSIG ([0-9A-F]{40})(?:.* ([0-9A-F]{40}))?$", re.MULTILINE)
_GPG_NAME = re.compile(r"^\[GNUPG:\] GOODSIG \S+ (.+)$", re.MULTILINE)


def sign(text: str, key: str) -> str:
    """A detached, armored signature. key: the path of an SSH private key (or of a public one whose private half an
    agent holds), or `gpg` or `gpg:KEY`."""
    with tempfile.TemporaryDirectory(prefix="lockstep-") as folder:
        path = _write(folder, "text", text)
        if key == GPG or key.startswith(GPG + ":"):
            made = path + ".asc"
            who = ["--local-user", key.partition(":")[2]] if ":" in key else []
            done = _run([GPG, "--batch", "--yes", "--armor", *who, "--output", made, "--detach-sign", path])
        else:
            made = path + ".sig"
            done = _run(["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", os.path.expanduser(key), path])
        if done.returncode or not os.path.exists(made):
            raise LockstepError(
                f"it could not be signed: {plain(one_line(done.stderr or done.stdout))}",
                f"key {key}",
                "give lockstep_sign as the path of an SSH key, gpg, or gpg:KEY",
            )
        with open(made, encoding="ascii") as handle:
            return handle.read()


def signer_of(text: str, signature: str, rule: Rule, folder: str) -> str | None:
    """Who signed this text by the keys that the rule names (relative to `folder`), None for nobody.

    With SSH the principal of the allowed_signers file, with GnuPG the key's first user id. LockstepError where the keys
    cannot be read: nobody can be believed then.
    """
    keys = os.path.join(folder, os.path.expanduser(rule.signers or rule.keyring or ""))
    if not os.access(keys, os.R_OK):
        raise LockstepError(
            "the keys that approvals are checked with cannot be read",
            keys,
            "correct approvals.signers or approvals.keyring in the policy",
        )
    with tempfile.TemporaryDirectory(prefix="lockstep-") as place:
        path, signed = _write(place, "text", text), _write(place, "signature", signature)
        if rule.keyring:
            done = _run(["gpgv", "--status-fd", "1", "--keyring", os.path.abspath(keys), signed, path])
            good = done.returncode == 0 and _GPG_GOOD.search(done.stdout)
            name = _GPG_NAME.search(done.stdout)
            return name.group(1) if good and name else None
        found = _run(["ssh-keygen", "-Y", "find-principals", "-f", keys, "-s", signed])
        for principal in found.stdout.splitlines() if found.returncode == 0 else ():
            check = ["ssh-keygen", "-Y", "verify", "-f", keys, "-I", principal, "-n", NAMESPACE, "-s", signed]
            if _run(check, text).returncode == 0:
                return principal
        return None


def _write(folder: str, name: str, text: str) -> str:
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(text)
    return path


def _run(command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=SECONDS, check=False)
    except FileNotFoundError as error:
        raise LockstepError(
            f"{command[0]} is not installed on the controller", "approval", "install it (openssh-client, gnupg, gpgv)"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise LockstepError(
            f"{command[0]} gave no answer within {SECONDS} s",
            "approval",
            "use a key that needs no passphrase, or an agent",
        ) from error

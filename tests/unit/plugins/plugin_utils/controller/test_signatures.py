# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signatures of approvals by the real ssh-keygen and GnuPG: who signed what, and that nothing else counts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.signatures import sign, signer_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.approvals import Rule, text_to_sign

TEXT = text_to_sign("north", "ab" * 32, "production")
OTHERS = [
    text_to_sign("north", "ac" + "ab" * 31, "production"),
    text_to_sign("south", "ab" * 32, "production"),
    text_to_sign("north", "ab" * 32, ""),
    TEXT + " ",
]


def changed(signature: str) -> str:
    """The same with one letter of its content changed."""
    lines = signature.splitlines()
    at = len(lines) // 2
    middle = len(lines[at]) // 2
    lines[at] = lines[at][:middle] + ("A" if lines[at][middle] != "A" else "B") + lines[at][middle + 1 :]
    return "\n".join(lines) + "\n"


@pytest.fixture
def ssh(tmp_path: Path) -> Path:
    """Keys of ann, who may, and of eve, who may not."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    for name in ("ann", "eve"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    kind, key = (tmp_path / "ann.pub").read_text().split()[:2]
    (tmp_path / "allowed").write_text(f"ann@example.org {kind} {key}\n")
    return tmp_path


def test_an_ssh_signature_is_of_one_person_and_one_plan(ssh: Path) -> None:
    rule = Rule("production", signers="allowed")
    good = sign(TEXT, str(ssh / "ann"))
    assert signer_of(TEXT, good, rule, str(ssh)) == "ann@example.org"
    assert [signer_of(other, good, rule, str(ssh)) for other in OTHERS] == [None] * 4
    assert signer_of(TEXT, changed(good), rule, str(ssh)) is None
    assert signer_of(TEXT, sign(TEXT, str(ssh / "eve")), rule, str(ssh)) is None
    assert signer_of(TEXT, "no signature", rule, str(ssh)) is None
    with pytest.raises(LockstepError, match="cannot be read"):
        signer_of(TEXT, good, Rule("production", signers="gone"), str(ssh))


@pytest.mark.skipif(
    shutil.which("gpg") is None or shutil.which("gpgv") is None, reason="gnupg and gpgv are not installed"
)
def test_a_gnupg_signature_is_of_one_person_and_one_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    try:
        for name in ("Ann <ann@example.org>", "Eve <eve@example.org>"):
            made = [
                "gpg",
                "--batch",
                "--quiet",
                "--passphrase",
                "",
                "--quick-gen-key",
                name,
                "ed25519",
                "sign",
                "never",
            ]
            subprocess.run(made, check=True, capture_output=True)
        export = ["gpg", "--batch", "--output", str(tmp_path / "ring.gpg"), "--export", "ann@example.org"]
        subprocess.run(export, check=True, capture_output=True)
        rule = Rule("production", keyring="ring.gpg")
        good = sign(TEXT, "gpg:ann@example.org")
        assert signer_of(TEXT, good, rule, str(tmp_path)) == "Ann <ann@example.org>"
        assert [signer_of(other, good, rule, str(tmp_path)) for other in OTHERS] == [None] * 4
        assert signer_of(TEXT, changed(good), rule, str(tmp_path)) is None
        assert signer_of(TEXT, sign(TEXT, "gpg:eve@example.org"), rule, str(tmp_path)) is None
    finally:
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], check=False)

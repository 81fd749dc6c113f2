# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packages and Release files of the lab's archives."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterable, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Any, NamedTuple

from .shell import write_atomic
from .signing import Signer

ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
"""Debian's name of this machine's architecture."""


class Archive(NamedTuple):
    """How an archive names itself in its Release file."""

    origin: str
    label: str
    suite: str
    codename: str


ARCHIVES = {
    "main": Archive("Lockstep-Lab", "Lockstep-Lab", "lab-stable", "lab"),
    "security": Archive("Lockstep-Lab", "Lockstep-Lab-Security", "lab-stable-security", "lab-security"),
}


def packages_file(items: Iterable[dict[str, Any]], www: Path) -> str:
    """Text of a Packages file; items have control, file (relative to www) and phased (per cent or None)."""
    stanzas = []
    for item in sorted(items, key=lambda i: (i["name"], i["version"])):
        path = www / item["file"]
        phased = f"Phased-Update-Percentage: {item['phased']}\n" if item.get("phased") is not None else ""
        stanzas.append(
            f"{item['control']}Filename: {item['file']}\nSize: {path.stat().st_size}\nSHA256: {sha256(path)}\n{phased}"
        )
    return "\n".join(stanzas)


def release_file(archive: Archive, files: Sequence[tuple[str, bytes]], date: int, valid: int | None) -> str:
    """Text of a Release file. date: seconds since 1970; valid: seconds after date, None for no end."""
    head = {
        "Origin": archive.origin,
        "Label": archive.label,
        "Suite": archive.suite,
        "Codename": archive.codename,
        "Date": formatdate(date, usegmt=True),
        "Valid-Until": "" if valid is None else formatdate(date + valid, usegmt=True),
        "Architectures": f"all {ARCH}",
        "Components": "main",
        "Acquire-By-Hash": "yes",
        "Description": f"Lockstep lab archive {archive.codename}",
    }
    lines = [f"{key}: {value}" for key, value in head.items() if value]
    lines.append("SHA256:")
    lines += [f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}" for name, data in files]
    return "\n".join(lines) + "\n"


def suite_folder(www: Path, archive: str) -> Path:
    """Folder of an archive's Release file."""
    return www / "dists" / ARCHIVES[archive].codename


def write(www: Path, name: str, items: list[dict[str, Any]], date: int, valid: int | None, signer: Signer) -> None:
    """Write an archive's indexes and sign them."""
    folder = suite_folder(www, name)
    text = packages_file(items, www).encode()
    place = f"main/binary-{ARCH}"
    files = [(f"{place}/Packages", text), (f"{place}/Packages.gz", gzip.compress(text, mtime=0))]
    for relative, data in files:
        # by checksum too, so that a host that is between Release and Packages gets the pair that belongs together
        by_hash = Path(relative).parent / "by-hash/SHA256" / hashlib.sha256(data).hexdigest()
        for target in (folder / by_hash, folder / relative):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.with_name(target.name + ".new").write_bytes(data)
            target.with_name(target.name + ".new").replace(target)
    release = release_file(ARCHIVES[name], files, date, valid)
    write_atomic(folder / "Release", release)
    write_atomic(folder / "Release.gpg", signer.detached(release))
    write_atomic(folder / "InRelease", signer.clear(release))


def sha256(path: Path) -> str:
    """SHA-256 of a file in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()

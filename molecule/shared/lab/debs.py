# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Building small Debian packages: a description in, a .deb in the cache out. Same description, same bytes."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .names import cache_dir
from .shell import locked, run

EPOCH = 1767225600
"""Date of every file and changelog in lab packages (2026-01-01 UTC), so that equal content is equal bytes."""

FORMAT = 1
"""Raised when the way packages are built changes, so that cached ones are not used."""

SERVICE_SCRIPT = """\
#!/usr/bin/python3
import mmap, os, sys, time
library = "/usr/lib/lockstep-lab/liblab.so"
if os.path.exists(library):
    # hold the library open the way a program that is linked to it does
    with open(library, "rb") as file:
        held = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)
while True:
    time.sleep(3600)
"""

UNIT = """\
[Unit]
Description={name}, a service of the lab

[Service]
ExecStart=/usr/lib/{name}/serve {version}
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""

START = """\
deb-systemd-helper enable {unit} >/dev/null
if [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload
  deb-systemd-invoke restart {unit}
fi
"""

STOP = """\
if [ -d /run/systemd/system ] && [ "$1" = remove ]; then deb-systemd-invoke stop {unit}; fi
"""


class Spec(NamedTuple):
    """Description of one package version. Scripts are shell lines without '#!'; size is ballast in bytes."""

    name: str
    version: str
    depends: str = ""
    arch: str = "all"
    service: bool = False
    conffiles: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    preinst: str = ""
    postinst: str = ""
    prerm: str = ""
    postrm: str = ""
    size: int = 0
    source: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    changes: str = "A new version."
    urgency: str = "medium"

    def digest(self) -> str:
        """SHA-256 of the description and the way it is built."""
        text = json.dumps([FORMAT, EPOCH, SERVICE_SCRIPT, UNIT, START, STOP, list(self)])
        return hashlib.sha256(text.encode()).hexdigest()


class Deb(NamedTuple):
    """A built package: its description, its control fields, and the file."""

    spec: Spec
    control: str
    path: Path


def control_file(spec: Spec) -> str:
    """Text of DEBIAN/control for a description."""
    fields: dict[str, str] = {
        "Package": spec.name,
        "Source": spec.source,
        "Version": spec.version,
        "Architecture": spec.arch,
        "Maintainer": "Lockstep lab <lab@localhost>",
        "Depends": spec.depends,
        "Section": "misc",
        "Priority": "optional",
        "Description": f"{spec.name}, a package of the lab\n It exists to be installed, upgraded and broken in tests.",
    }
    fields.update(spec.fields)
    return "".join(f"{key}: {value}\n" for key, value in fields.items() if value)


def scripts(spec: Spec) -> Mapping[str, str]:
    """Maintainer scripts of a description: name to text; those with nothing to do are left out."""
    unit = f"{spec.name}.service"
    parts = {
        "preinst": spec.preinst,
        # the package's own lines first: a failing script fails before its service is touched
        "postinst": spec.postinst + ("\n" + START.format(unit=unit) if spec.service else ""),
        "prerm": (STOP.format(unit=unit) if spec.service else "") + spec.prerm,
        "postrm": spec.postrm,
    }
    return {key: f"#!/bin/sh\nset -e\n{text.strip()}\nexit 0\n" for key, text in parts.items() if text.strip()}


def changelog(spec: Spec) -> bytes:
    """Compressed Debian changelog with one entry."""
    text = (
        f"{spec.source or spec.name} ({spec.version}) lab; urgency={spec.urgency}\n\n  * {spec.changes}\n\n"
        " -- Lockstep lab <lab@localhost>  Thu, 01 Jan 2026 00:00:00 +0000\n"
    )
    return gzip.compress(text.encode(), mtime=EPOCH)


def build(spec: Spec) -> Deb:
    """Build a package, or take it from the cache."""
    name = f"{spec.name}_{spec.version.replace(':', '%3a')}_{spec.arch}.deb"
    path = cache_dir() / "debs" / spec.digest()[:24] / name
    if not path.exists():
        with locked(cache_dir() / "locks" / "debs"):
            if not path.exists():
                _build(spec, path)
    return Deb(spec, control_file(spec), path)


def _build(spec: Spec, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tree = Path(tempfile.mkdtemp(prefix=".tree-", dir=cache_dir()))
    try:
        (tree / "pkg").mkdir()
        _fill(spec, tree / "pkg")
        env = {"PATH": os.environ.get("PATH", ""), "SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C.UTF-8"}
        command = ["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", str(tree / "pkg"), str(tree / path.name)]
        run(command, env=env)
        os.replace(tree / path.name, path)
    finally:
        shutil.rmtree(tree)


def _fill(spec: Spec, tree: Path) -> None:
    def put(inside: str, data: bytes, mode: int = 0o644) -> None:
        target = tree / inside.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(mode)

    tree.chmod(0o755)
    put("DEBIAN/control", control_file(spec).encode())
    for script, text in scripts(spec).items():
        put(f"DEBIAN/{script}", text.encode(), 0o755)
    if spec.conffiles:
        put("DEBIAN/conffiles", "".join(f"{inside}\n" for inside, _text in spec.conffiles).encode())
    put(f"usr/share/doc/{spec.name}/changelog.Debian.gz", changelog(spec))
    for inside, text in (*spec.conffiles, *spec.files):
        put(inside, text.encode())
    if spec.service:
        put(f"usr/lib/{spec.name}/serve", SERVICE_SCRIPT.encode(), 0o755)
        put(f"lib/systemd/system/{spec.name}.service", UNIT.format(name=spec.name, version=spec.version).encode())
    if spec.size:
        put(f"usr/share/{spec.name}/ballast", ballast(spec))


def ballast(spec: Spec) -> bytes:
    """Content that no compression makes smaller, another one in each version."""
    seed = f"{spec.name} {spec.version}".encode()
    blocks = (hashlib.sha512(seed + b"%d" % i).digest() for i in range(-(-spec.size // 64)))
    return b"".join(blocks)[: spec.size]

# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Building small RPM packages from the same descriptions as Debian ones. Same description, same bytes (unsigned)."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from .debs import EPOCH, SERVICE_SCRIPT, UNIT, Spec, ballast
from .names import cache_dir
from .shell import locked, run

FORMAT = 1
"""Raised when the way packages are built changes, so that cached ones are not used."""

MACROS = {
    "_buildhost": "lab", "debug_package": "%{nil}", "__os_install_post": "%{nil}", "_build_id_links": "none",
    "use_source_date_epoch_as_buildtime": "1", "clamp_mtime_to_source_date_epoch": "1", "_binary_payload": "w3.gzdio",
}  # fmt: skip

START = """\
systemctl -q enable {unit} || :
if [ -d /run/systemd/system ]; then systemctl daemon-reload; systemctl restart {unit}; fi
"""

STOP = """\
if [ "$1" = 0 ]; then
  systemctl -q disable {unit} || :
  if [ -d /run/systemd/system ]; then systemctl stop {unit} || :; fi
fi
"""

BASE = Spec(
    "lab-base",
    "1.0",
    fields=tuple(
        ("Provides", what)
        for what in (
            "/bin/sh",
            "python3",
            "system-release = 4",
            "system-release(releasever) = 4",
            "distribution-release",
        )
    ),
)
"""What a distribution's own packages provide, and Debian's do not provide to rpm."""


class Rpm(NamedTuple):
    """A built package: its description, its version as rpm writes it, and the file."""

    spec: Spec
    evr: str
    path: Path


def evr(version: str) -> str:
    """`version-release` of a version, with release 1 where it has none: `1.0` is `1.0-1`."""
    return version if "-" in version else f"{version}-1"


def arch(spec: Spec) -> str:
    """rpm's word for a description's architecture."""
    return "noarch" if spec.arch == "all" else os.uname().machine


def requires(depends: str) -> list[str]:
    """Debian's `a, b (= 1)` in rpm's words: `a`, `b = 1`."""
    return [
        re.sub(r"\s*\(\s*([<>=]+)\s*([^)]+?)\s*\)", r" \1 \2", part.strip())
        for part in depends.split(",")
        if part.strip()
    ]


def spec_file(spec: Spec, tree: str) -> str:
    """Text of the .spec file; tree: folder with the files as they are to be installed."""
    epoch, _colon, rest = evr(spec.version).rpartition(":")
    version, _dash, release = rest.rpartition("-")
    source = spec.source or spec.name
    unit = f"{spec.name}.service"
    head = [f"Name: {source}", f"Version: {version}", f"Release: {release}", *([f"Epoch: {epoch}"] if epoch else [])]
    head += ["License: GPL-3.0-or-later", f"Summary: {source}, of the lab", "AutoReqProv: no"]
    package = [f"Requires: {each}" for each in requires(spec.depends)]
    package += [f"{key}: {value}" for key, value in spec.fields]
    if arch(spec) == "noarch":
        head.append("BuildArch: noarch")
    text = head + (package if source == spec.name else [])
    text += ["%description", "It exists to be installed, upgraded and broken in tests."]
    name = ""
    if source != spec.name:
        name = f"-n {spec.name}"
        text += [f"%package {name}", f"Summary: {spec.name}, of the lab", *package]
        text += [f"%description {name}", "It exists to be installed, upgraded and broken in tests."]
    text += ["%install", f"cp -a {tree}/. %{{buildroot}}/"]
    scripts = {
        "pre": spec.preinst,
        # the package's own lines first: a failing script fails before its service is touched
        "post": spec.postinst + ("\n" + START.format(unit=unit) if spec.service else ""),
        "preun": (STOP.format(unit=unit) if spec.service else "") + spec.prerm,
        "postun": spec.postrm,
    }
    for key, script in scripts.items():
        if script.strip():
            text += [f"%{key} {name}", "set -e", script.replace("%", "%%").strip(), "exit 0"]
    text += [f"%files {name}"]
    settings = {inside for inside, _text in spec.conffiles}
    for path in sorted(_files(spec)):
        text.append(("%config(noreplace) " if path in settings else "") + path)
    text += ["%changelog", f"* Thu Jan 01 2026 Lockstep lab <lab@localhost> - {evr(spec.version)}", f"- {spec.changes}"]
    return "\n".join(text) + "\n"


def build(spec: Spec) -> Rpm:
    """Build a package, or take it from the cache."""
    text = json.dumps([FORMAT, EPOCH, SERVICE_SCRIPT, UNIT, MACROS, spec_file(spec, "TREE"), list(spec)])
    digest = hashlib.sha256(text.encode()).hexdigest()
    path = cache_dir() / "rpms" / digest[:24] / f"{spec.name}-{evr(spec.version).rpartition(':')[2]}.{arch(spec)}.rpm"
    if not path.exists():
        with locked(cache_dir() / "locks" / "rpms"):
            if not path.exists():
                _build(spec, path)
    return Rpm(spec, evr(spec.version), path)


def _build(spec: Spec, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".tree-", dir=cache_dir()))
    try:
        for inside, (data, mode) in _files(spec).items():
            target = work / "tree" / inside.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(mode)
        (work / "tree").mkdir(exist_ok=True)
        (work / "lab.spec").write_text(spec_file(spec, str(work / "tree")), encoding="utf-8")
        macros = {**MACROS, "_topdir": str(work / "top"), "_rpmdir": str(work / "rpms"), "_rpmfilename": "out.rpm"}
        defines = [text for key, value in macros.items() for text in ("--define", f"{key} {value}")]
        env = {
            "PATH": os.environ.get("PATH", ""),
            "SOURCE_DATE_EPOCH": str(EPOCH),
            "LC_ALL": "C.UTF-8",
            "HOME": str(work),
        }
        run(["rpmbuild", "-bb", "--quiet", *defines, str(work / "lab.spec")], env=env)
        os.replace(work / "rpms" / "out.rpm", path)
    finally:
        shutil.rmtree(work)


def _files(spec: Spec) -> dict[str, tuple[bytes, int]]:
    """Path to content and mode of all files of a package."""
    found = {inside: (text.encode(), 0o644) for inside, text in (*spec.conffiles, *spec.files)}
    if spec.service:
        unit = UNIT.format(name=spec.name, version=spec.version)
        found[f"/usr/lib/{spec.name}/serve"] = (SERVICE_SCRIPT.encode(), 0o755)
        found[f"/usr/lib/systemd/system/{spec.name}.service"] = (unit.encode(), 0o644)
    if spec.size:
        found[f"/usr/share/{spec.name}/ballast"] = (ballast(spec), 0o644)
    return found

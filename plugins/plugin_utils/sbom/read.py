# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An SBOM or a package list as the state of a host that cannot be reached."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import versions
from ansible_collections.lockstep.patching.plugins.plugin_utils.sbom import library, purls

LIMIT = 100_000
"""Components that one file may have."""
TEXT = 300
NOT_ASKED = "the state was imported, so no package manager was asked"
_DPKG = re.compile(
    r"^(?:ii\s+)?(?P<name>[a-z0-9][a-z0-9.+-]*)(?::(?P<arch>\S+))?[\s=]+(?P<version>\d\S*)(?:\s+(?P<own>\S+))?"
)
_RPM = re.compile(r"^(?P<name>[A-Za-z0-9][\w.+-]*)-(?P<version>[^-\s]+-[^-\s]+)\.(?P<arch>[a-z0-9_]+)$")


class Imported(NamedTuple):
    """What a file says of a host."""

    format: str
    sections: dict[str, Any]
    seen_ms: int | None
    """When it was true, as the file says; None where it says nothing."""
    left_out: int
    """Components that are no package that Lockstep knows of."""


def read(text: str, name: str, system: str = "", arch: str = "") -> Imported:
    """Read a CycloneDX SBOM (JSON) or a list of packages.

    name: what messages call the file; system: the OS and its version such as `debian 12`, where the file does not say;
    arch: the same for the architecture. Raises LockstepError with file and line or component.
    """
    if text.lstrip("\ufeff \t\r\n")[:1] == "{":
        return _bom(text, name, system, arch)
    return _list(text, name, system, arch)


def _bom(text: str, name: str, system: str, arch: str) -> Imported:
    library.need()
    try:
        data = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        at = f"{name}:{getattr(error, 'lineno', 1)}:{getattr(error, 'colno', 1)}"
        raise LockstepError(f"it is not valid JSON: {error}", at, "export it again as CycloneDX JSON") from error
    if not isinstance(data, dict) or data.get("bomFormat") != "CycloneDX":
        raise LockstepError("it is no CycloneDX SBOM (bomFormat)", name, "export it as CycloneDX JSON")
    rows = data.get("components")
    if not isinstance(rows, list) or not rows:
        raise LockstepError("the SBOM has no components", name, "an empty SBOM says nothing of a host")
    if len(rows) > LIMIT:
        raise LockstepError(f"the SBOM has {len(rows)} components, more than {LIMIT}", name, "split it by host")
    packages, languages, left_out, distros = [], [], 0, set()
    for number, row in enumerate(rows, 1):
        try:
            told = purls.read(str(row["purl"])) if isinstance(row, dict) and row.get("purl") else None
        except ValueError as error:
            raise LockstepError(
                f"component {number}: its purl cannot be read: {error}", name, "mend the SBOM; nothing was imported"
            ) from error
        if told is not None and told.type in ("deb", "rpm", "alpm", "apk") and told.version:
            epoch = told.qualifiers.get("epoch")
            version = f"{epoch}:{told.version}" if told.type == "rpm" and epoch else told.version
            package = _package(told.name, version, told.qualifiers.get("arch") or arch, row)
            packages.append({**package, **_source(told, row)})
            distros.add(told.qualifiers.get("distro") or told.namespace)
        elif told is not None and told.type in purls.KINDS and told.version:
            full = f"{told.namespace}/{told.name}" if told.namespace else told.name
            languages.append(
                {"kind": purls.KINDS[told.type], "name": _text(full), "version": _text(told.version), "path": ""}
            )
        else:
            left_out += 1
    system = system or _system_of(distros, name)
    sections = _sections(packages, system, arch, name)
    if languages:
        sections["languages"] = sorted(languages, key=lambda row: (row["kind"], row["name"], row["version"]))
    stamp = (data.get("metadata") or {}).get("timestamp") if isinstance(data.get("metadata"), dict) else None
    return Imported("CycloneDX", sections, _ms(stamp, name) if stamp else None, left_out)


def _list(text: str, name: str, system: str, arch: str) -> Imported:
    """`dpkg-query -W`, `dpkg -l`, `apt list --installed`-like NAME VERSION lines, or `rpm -qa`."""
    if not system:
        raise LockstepError(
            "a package list does not say of which OS", name, "give import_state_os, such as 'debian 12'"
        )
    shape = _RPM if purls.FAMILIES.get(system.partition(" ")[0], ("deb",))[0] == "rpm" else _DPKG
    packages = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(("#", "Desired=", "|", "+++", "gpg-pubkey-")):
            continue
        if line[:2] in ("rc", "un"):  # dpkg -l: removed, or never installed
            continue
        found = shape.match(line)
        if not found:
            raise LockstepError(
                f"'{line[:60]}' is no package and its version",
                f"{name}:{number}:1",
                "give the output of dpkg-query -W or rpm -qa; nothing was imported",
            )
        parts = found.groupdict()
        own = parts.get("own") or ""
        known = parts.get("arch") or (own if re.fullmatch(r"[a-z0-9-]{2,12}", own) else "") or arch
        packages.append(_package(parts["name"], parts["version"], known, {}))
    return Imported("package list", _sections(packages, system, arch, name), None, 0)


def _package(name: str, version: str, arch: str, row: dict[str, Any]) -> dict[str, Any]:
    vendor = row.get("publisher")
    return {
        "name": _text(name),
        "arch": _text(arch),
        "version": _text(version),
        "source": _text(name),
        "source_version": _text(version),
        "auto": False,
        "status": "installed",
        "vendor": _text(vendor) if isinstance(vendor, str) else "",
    }


def _source(told: purls.Found, row: dict[str, Any]) -> dict[str, str]:
    """The source package, where the SBOM says it: `upstream=NAME@VERSION` in the purl, or a property of ours."""
    name, _at, version = told.qualifiers.get("upstream", "").partition("@")
    for prop in row.get("properties") or []:
        if isinstance(prop, dict) and prop.get("name") == "lockstep:source" and isinstance(prop.get("value"), str):
            name = prop["value"]
    return {**({"source": _text(name)} if name else {}), **({"source_version": _text(version)} if version else {})}


def _sections(packages: list[dict[str, Any]], system: str, arch: str, name: str) -> dict[str, Any]:
    if not packages:
        raise LockstepError("it has no package of an operating system", name, "nothing was imported")
    identity, _space, version = system.partition(" ")
    if identity not in purls.FAMILIES:
        raise LockstepError(
            f"'{identity}' is no OS that is known here", name, f"give one of {', '.join(sorted(purls.FAMILIES))}"
        )
    scheme, manager = purls.FAMILIES[identity]
    for row in packages:
        if not versions.valid(row["version"], scheme):
            raise LockstepError(
                f"'{row['version'][:60]}' of {row['name'][:60]} is no version of {identity}",
                name,
                "mend it; nothing was imported",
            )
    unique = {(row["name"], row["arch"], row["version"]): row for row in packages}
    described = {"id": identity, "id_like": "", "version": version, "codename": "", "name": system, "arch": arch}
    why = {"unknown": NOT_ASKED}
    return {
        "os": {**described, "hostname": "", "machine_id": "", "python": ""},
        "manager": {"name": manager, "version": "", "health": "unknown", "problems": [NOT_ASKED]},
        "packages": [unique[key] for key in sorted(unique)],
        **dict.fromkeys(("boot", "candidates", "holds", "indexes", "reboot", "services", "health", "platform"), why),
    }


def _system_of(distros: set[str], name: str) -> str:
    known = set()
    for distro in distros:
        identity, _dash, version = str(distro or "").rpartition("-") if "-" in str(distro) else (distro, "", "")
        known.add(f"{identity} {version}".strip())
    known.discard("")
    if len(known) != 1 or " " not in next(iter(known)):
        said = ", ".join(sorted(known)[:3]) or "none"
        raise LockstepError(
            f"its packages do not name one OS and version (distro: {said})",
            name,
            "give import_state_os, such as 'debian 12'",
        )
    return next(iter(known))


def _ms(stamp: Any, name: str) -> int:
    try:
        told = datetime.fromisoformat(str(stamp).replace("Z", "+00:00"))
    except ValueError as error:
        raise LockstepError(
            f"its timestamp cannot be read: {str(stamp)[:60]}", name, "mend metadata.timestamp"
        ) from error
    return int((told if told.tzinfo else told.replace(tzinfo=timezone.utc)).timestamp() * 1000)


def _text(value: Any) -> str:
    return "".join(char if char.isprintable() else "?" for char in str(value)[:TEXT])

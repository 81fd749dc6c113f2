# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machine's own apt sources tell where the archives are. Pure parsing, then one small reader."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .errors import LabError

_OPTIONS = re.compile(r"\[([^\]]*)\]")


class Source(NamedTuple):
    """One archive suite: URI without trailing slash, suite name, components, keyring path or ""."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str


class Archives(NamedTuple):
    """URIs of a distribution's main and security archive."""

    main: str
    security: str
    keyring: str


def parse_one_line(text: str) -> list[Source]:
    """Sources of a one-line style .list file; comments, deb-src and cdrom lines are left out."""
    found = []
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].strip()
        if not line.startswith("deb ") and not line.startswith("deb\t"):
            continue
        rest = line[3:].strip()
        signed_by = ""
        options = _OPTIONS.match(rest)
        if options:
            rest = rest[options.end() :].strip()
            for item in options.group(1).split():
                key, _sep, value = item.partition("=")
                if key.lower() == "signed-by":
                    signed_by = value
        words = rest.split()
        if len(words) >= 2 and not words[0].startswith("cdrom:"):
            found.append(Source(words[0].rstrip("/"), words[1], tuple(words[2:]), signed_by))
    return found


def parse_deb822(text: str) -> list[Source]:
    """Sources of a deb822 .sources file; disabled stanzas and deb-src types are left out."""
    found = []
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0] in " \t":
                fields[key] = f"{fields.get(key, '')}\n{line.strip()}"
            else:
                key, _sep, value = line.partition(":")
                key = key.strip().lower()
                fields[key] = value.strip()
        if fields.get("enabled", "yes").lower() in {"no", "false", "0", "off", "disable"}:
            continue
        if "deb" not in fields.get("types", "").split():
            continue
        signed_by = fields.get("signed-by", "")
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                found.append(
                    Source(
                        uri.rstrip("/"),
                        suite,
                        tuple(fields.get("components", "").split()),
                        signed_by if signed_by.startswith("/") and "\n" not in signed_by else "",
                    )
                )
    return found


def choose_archives(sources: Iterable[Source], codename: str) -> Archives:
    """Main and security archive of the machine's own release.

    codename: VERSION_CODENAME of the machine. Raises LabError when no source has that suite.
    The security archive is looked for beside the main one when the machine has no source for it.
    """
    sources = list(sources)
    main = [s for s in sources if s.suite == codename and "main" in s.components]
    if not main:
        raise LabError(
            f"no apt source of this machine offers the suite {codename!r} with component main",
            "add the distribution's archive to /etc/apt/sources.list.d/ and try again",
        )
    security = [s for s in sources if s.suite in {f"{codename}-security", f"{codename}/updates"}]
    first = main[0]
    return Archives(first.uri, security[0].uri if security else f"{first.uri}-security", first.signed_by)


def machine_sources(etc: Path = Path("/etc/apt")) -> list[Source]:
    """All sources in effect under etc."""
    found: list[Source] = []
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".sources":
            found += parse_deb822(text)
        elif path.suffix == ".list":
            found += parse_one_line(text)
    return found


def machine_archives() -> Archives:
    """Archives of this machine's own distribution."""
    return choose_archives(machine_sources(), os_release().get("VERSION_CODENAME", ""))


def os_release(path: Path = Path("/etc/os-release")) -> dict[str, str]:
    """Fields of os-release, unquoted; {} where there is none."""
    if not path.is_file():
        return {}
    pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines() if "=" in line)
    return {key.strip(): value.strip().strip("\"'") for key, _sep, value in pairs}

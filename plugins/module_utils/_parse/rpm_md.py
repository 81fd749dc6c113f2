# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Metadata of rpm repositories (rpm-md): repomd.xml, primary.xml and updateinfo.xml.

The files of a big distribution unpack to hundreds of megabytes and an answer needs a few packages of them, so they are
cut into packages (or updates) as bytes, and only what is wanted is parsed.
"""

import re
from datetime import datetime, timezone
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple
from xml.etree import ElementTree

REPO = "{http://linux.duke.edu/metadata/repo}"
_COMMON = b"{http://linux.duke.edu/metadata/common}"
_TAG = 1000  # bytes within which an update's first tag ends
_PIECE_LIMIT = 16 * 1024 * 1024  # bytes of one package or update: more is no metadata
_PREFIX = re.compile(r"<(/?)rpm:")
_FILES = re.compile(rb"<package [^>]*?name=\"([^\"]*)\"")
KINDS = {
    "security": "security",
    "bugfix": "bugfix",
    "recommended": "bugfix",
    "enhancement": "enhancement",
    "optional": "enhancement",
    "feature": "enhancement",
    "newpackage": "enhancement",
}
"""What updateinfo calls its updates (SUSE: recommended, optional, feature) and the type that it is here."""
SEVERITIES = ("critical", "important", "moderate", "low")

Nevra = Tuple[str, str, str]  # name, architecture, version with its epoch unless that is 0


class Repomd(NamedTuple):
    """revision: as written, often the time that it was made; files: type -> path; dated_ms: of its newest file."""

    revision: str
    files: Dict[str, str]
    dated_ms: Optional[int]


class Record(NamedTuple):
    """A package that a repository offers. size: bytes of the file; built_ms: when it was built."""

    name: str
    arch: str
    version: str
    source: str
    source_version: str
    vendor: str
    href: str
    size: Optional[int]
    sha256: Optional[str]
    built_ms: Optional[int]


class Update(NamedTuple):
    """An advisory. type, severity, cves, issued_ms: as of a candidate's; retracted: its vendor took it back."""

    id: str
    type: str
    severity: Optional[str]
    cves: List[str]
    issued_ms: Optional[int]
    retracted: bool
    packages: List[Nevra]


def parse_repomd(text: str) -> Repomd:
    """Return what repomd.xml says; raise ValueError when it is none."""
    root = _xml(text)
    if root.tag != REPO + "repomd":
        raise ValueError("it is no repomd.xml: its first element is {0}".format(root.tag[:60]))
    files = {}
    dates = []
    for data in root.iter(REPO + "data"):
        location = data.find(REPO + "location")
        stamp = (data.findtext(REPO + "timestamp") or "").strip().split(".")[0]
        if location is not None and location.get("href"):
            files[data.get("type", "")] = location.get("href", "")
        if stamp.isdigit():
            dates.append(int(stamp) * 1000)
    return Repomd((root.findtext(REPO + "revision") or "").strip(), files, max(dates) if dates else None)


def records(chunks: Iterable[bytes], names: Set[str]) -> Iterator[Record]:
    """Return the packages of these names of a primary.xml in pieces; raise ValueError where it is damaged."""
    signs = re.compile(b"<name>(?:" + _any_of(names) + b")</name>")
    for piece in _pieces(chunks, b"<package ", b"</package>", signs):
        yield _record(_xml(_PREFIX.sub(r"<\1", piece.decode("utf-8"))))


def updates(chunks: Iterable[bytes], names: Set[str], present: Set[str]) -> Iterator[Update]:
    """Return the updates of an updateinfo.xml that name packages of these names, and retracted ones that name any of
    present; raise ValueError likewise."""
    wanted, known = ({name.encode("utf-8") for name in some} for some in (names, names | present))
    signs = re.compile(b' name="(?:' + _any_of(names) + b')"|"retracted"')
    for piece in _pieces(chunks, b"<update ", b"</update>", signs):
        those = known if b'"retracted"' in piece[:_TAG] else wanted
        if not those.isdisjoint(_FILES.findall(piece)):
            yield _update(_xml(piece.decode("utf-8")), names | present)


def evr(epoch: Optional[str], version: str, release: str) -> str:
    """The version as text: the epoch only where it is not 0."""
    before = "{0}:".format(epoch) if epoch and epoch not in ("0", "(none)") else ""
    return before + version + ("-" + release if release else "")


def source_of(file: str, name: str) -> Tuple[str, str]:
    """(name, version) of a source package's file name; the package's own name where it has none."""
    stem = re.sub(r"\.(?:no)?src(?:\.rpm)?$", "", file)
    parts = stem.rsplit("-", 2)
    return (parts[0], parts[1] + "-" + parts[2]) if len(parts) == 3 else (name, "")


def date_ms(text: str) -> Optional[int]:
    """UTC ms of an update's date: seconds since 1970, or a date with or without time; None for anything else."""
    text = text.strip()
    if text.isdigit() and len(text) < 12:
        return int(text) * 1000
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%d"):
        try:
            found = datetime.strptime(text.replace(" UTC", ""), form).replace(tzinfo=timezone.utc)
            return int(found.timestamp()) * 1000
        except ValueError:
            continue
    return None


def _any_of(names):
    return b"|".join(re.escape(name.encode("utf-8")) for name in sorted(names)) or b"(?!)"


def _pieces(chunks, begin, end, signs):
    """The texts from begin to end in a stream of bytes in which a sign is found. Only these are cut out: a search for
    the signs is many times faster than looking at each element."""
    buffer = b""
    for chunk in chunks:
        buffer += chunk
        whole = buffer.rfind(end) + len(end)  # the rest waits for the next chunk
        if whole < len(end):
            whole = 0
        at = 0
        while True:
            sign = signs.search(buffer, at, whole)
            if not sign:
                break
            start, stop = buffer.rfind(begin, 0, sign.start()), buffer.find(end, sign.end())
            at = stop + len(end)
            if start >= 0:
                yield buffer[start:at]
        buffer = buffer[whole:]
        if len(buffer) > _PIECE_LIMIT:
            raise ValueError("an element of it is longer than {0} bytes".format(_PIECE_LIMIT))


def _xml(text):
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("it declares entities, which metadata has no use for")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError("it is not valid XML: {0}".format(error))


def _record(root):
    version, location = root.find("version"), root.find("location")
    if version is None or location is None:
        raise ValueError("a package has no version or no location")
    name, arch = root.findtext("name") or "", root.findtext("arch") or ""
    checksum, size, dates = root.find("checksum"), root.find("size"), root.find("time")
    source, source_version = source_of(root.findtext("format/sourcerpm") or "", name)
    text = evr(version.get("epoch"), version.get("ver", ""), version.get("rel", ""))
    return Record(
        name,
        arch,
        text,
        source,
        source_version or text,
        root.findtext("format/vendor") or "",
        location.get("href", ""),
        _number(size.get("package")) if size is not None else None,
        checksum.text.strip() if checksum is not None and checksum.get("type") == "sha256" and checksum.text else None,
        _milliseconds(dates.get("build")) if dates is not None else None,
    )


def _update(root, names):
    severity = (root.findtext("severity") or "").strip().lower()
    issued = root.find("issued")
    references = root.iterfind("references/reference")
    cves = {str(each.get("id")) for each in references if (each.get("type") or "").lower() == "cve" and each.get("id")}
    return Update(
        (root.findtext("id") or "").strip(),
        KINDS.get(root.get("type", "").lower(), "unclassified"),
        severity if severity in SEVERITIES else None,
        sorted(cves),
        date_ms(issued.get("date", "")) if issued is not None else None,
        root.get("status") == "retracted",
        [_nevra(each) for each in root.iterfind("pkglist/collection/package") if each.get("name") in names],
    )


def _nevra(package):
    version = evr(package.get("epoch"), package.get("version", ""), package.get("release", ""))
    return package.get("name", ""), package.get("arch", ""), version


def _number(text: Optional[str]) -> Any:
    return int(text) if text and text.isdigit() else None


def _milliseconds(text):
    number = _number(text)
    return number * 1000 if number else None

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Output and files of pacman, as values. Pure."""

import calendar
import datetime
import fnmatch
import re
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.alpm_version import version_key
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import (
    Candidate,
    Hold,
    Index,
    Origin,
    Package,
)
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import (
    Failure,
    Installed,
    Line,
    Offered,
    Said,
    Snapshot,
    Step,
)

# name, version, architecture, base, build date, repository, file, SHA-256, size, replaces, conflicts
FORMAT = "%n\t%v\t%a\t%e\t%b\t%r\t%f\t%h\t%s\t%R\t%H"
ACTIONS = {"installed": "install", "upgraded": "upgrade", "downgraded": "downgrade", "removed": "remove"}
_EVENT = re.compile(r"\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)([+-]\d{4})\] \[ALPM\] (\w+) (\S+) \((.+)\)\Z")
_UNDER_WAY = re.compile(r"(?:upgrading|installing|reinstalling|downgrading|removing) (\S+?)\.\.\.\Z")
_SCRIPT_FAILED = "error: command failed to execute correctly"
_SPEC = re.compile(r"([^<>=]+)(?:(<=|>=|<|>|=)(.+))?\Z")
_SIDE = re.compile(r"warning: (\S.*) installed as (\S.*\.pacnew)\Z")

Fields = Dict[str, List[str]]


class Target(NamedTuple):
    """One line of FORMAT. built_ms, size (bytes): None when not told; replaces, conflicts: NAME or NAME=VERSION, …"""

    name: str
    version: str
    arch: str
    base: str
    built_ms: Optional[int]
    repository: str
    filename: str
    sha256: str
    size: Optional[int]
    replaces: List[str]
    conflicts: List[str]


def parse_targets(text: str) -> List[Target]:
    """What pacman prints for FORMAT with TZ=UTC; lines that are none (warnings, questions) are left out."""
    found = []
    for line in text.splitlines():
        row = line.split("\t")
        if len(row) != FORMAT.count("\t") + 1:
            continue
        built, size = _built(row[4]), int(row[8]) if row[8].isdigit() else None
        others = (row[9].split(), row[10].split())
        found.append(Target(row[0], row[1], row[2], row[3], built, row[5], row[6], row[7], size, others[0], others[1]))
    return found


def _ms(text: str, form: str) -> int:
    return calendar.timegm(datetime.datetime.strptime(text, form).timetuple()) * 1000


def _built(text: str) -> Optional[int]:
    try:
        return _ms(text, "%a %b %d %H:%M:%S %Y")
    except ValueError:
        return None


def removed(targets: List[Target], have: Snapshot) -> List[str]:
    """Names of installed packages that these targets replace or are in conflict with, sorted: pacman's own list of
    targets does not tell."""
    coming = {each.name for each in targets}
    specs = [spec for each in targets for spec in each.replaces + each.conflicts]
    gone = {key[0] for key, each in have.installed.items() for spec in specs if hits(spec, key[0], each.version)}
    return sorted(gone - coming)


def candidate(target: Target, have: Optional[str], kept: Optional[str]) -> Candidate:
    """have: the installed version, None for a new package; kept: why pacman keeps it back, or None."""
    return Candidate(
        name=target.name,
        arch=target.arch,
        action="upgrade" if have else "install",
        installed=have,
        version=target.version,
        source=target.base,
        source_version=target.version,
        origins=[Origin(target.repository, "", "", "", "")],
        security=None,
        size=target.size,
        sha256=target.sha256 or None,
        filename=target.filename,
        phased=None,
        kept_back=kept,
        age_ms=target.built_ms,
        advisories=None,
    )


def removal(name: str, arch: str, version: str) -> Candidate:
    """A package that an upgrade removes."""
    empty: Tuple[Any, ...] = (None, None, None, None, None, None, None)
    return Candidate(name, arch, "remove", version, None, name, version, [], False, *empty)


def lacking(text: str) -> Set[str]:
    """Names of the packages whose dependencies pacman could not satisfy."""
    return set(re.findall(r"^:: unable to satisfy dependency '[^']*' required by (\S+)$", text, re.MULTILINE))


def parse_upgradable(text: str) -> List[str]:
    """Names that ``pacman -Qu`` lists, with those that are ignored."""
    return [line.split()[0] for line in text.splitlines() if " -> " in line]


def parse_settings(text: str) -> Dict[str, Fields]:
    """{section: {key: values}} of ``pacman-conf``; ``options`` is always there."""
    found: Dict[str, Fields] = {"options": {}}
    section = "options"
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            found.setdefault(section, {})
        elif line.strip():
            key, _equals, value = line.partition(" = ")
            found[section].setdefault(key, []).append(value)
    return found


def parse_desc(text: str) -> Fields:
    """{name: lines} of a ``desc`` file of the local database."""
    fields: Fields = {}
    for block in text.split("\n\n"):
        lines = block.strip("\n").split("\n")
        if lines[0].startswith("%"):
            fields[lines[0].strip("%")] = lines[1:]
    return fields


def packages(local: Dict[str, Fields], have: Snapshot) -> List[Package]:
    """Installed packages, with those whose record is lost or without a description."""
    rows = []
    bases = {each["NAME"][0]: each.get("BASE", each["NAME"])[0] for each in local.values() if each}
    for (name, arch), each in have.installed.items():
        base = bases.get(name, name)
        rows.append(Package(name, arch, each.version, base, each.version, (name, arch) in have.auto, each.state))
    for folder in [folder for folder, each in local.items() if not each]:
        name, version, release = folder.rsplit("-", 2)
        text = version + "-" + release
        rows.append(Package(name, "", text, name, text, False, "without description"))
    return sorted(rows)


def ignored(packages: List[Fields], options: Fields) -> Dict[str, str]:
    """{name: setting} of packages that pacman.conf keeps as they are."""
    found = {}
    for each in packages:
        for key, field in (("IgnoreGroup", "GROUPS"), ("IgnorePkg", "NAME")):
            globs = options.get(key, [])
            if any(fnmatch.fnmatchcase(name, text) for name in each.get(field, []) for text in globs):
                found[each["NAME"][0]] = key
    return found


def holds(local: Dict[str, Fields], options: Fields) -> List[Hold]:
    """The packages that pacman.conf keeps as they are."""
    rows = {each["NAME"][0]: each for each in local.values() if each}
    found = sorted(ignored(list(rows.values()), options).items())
    return [Hold(name, rows[name]["ARCH"][0], "hold", key, "pacman.conf: " + key) for name, key in found]


def about(problem: str, repository: str, repositories: int) -> str:
    """What the errors of a fetch say of one repository; of the only one they always speak."""
    marks = ("'{0}.db".format(repository), ": {0}: ".format(repository))
    # what could not be fetched comes first: then pacman also complains of the copy that it has
    said = [line for mark in marks for line in problem.splitlines() if mark in line]
    return said[0] if said else (problem if repositories == 1 else "")


def index(
    name: str, keys: List[str], levels: List[str], dated: Optional[int], fetched: int, old: bool, problem: str
) -> Index:
    """levels: the repository's SigLevel; dated: when its database was made, None when there is none."""
    # where packages must be signed, pacman itself refuses what an index that is not would smuggle in
    safe = bool(keys) or ("PackageRequired" in levels and "PackageTrustAll" not in levels)
    found = Index(name, "", "", "", "", keys, safe, dated, None, fetched if dated else None, "ok", None)
    if problem:
        bad = "unsigned" if "signature" in problem or "PGP" in problem else "unreachable"
        return found._replace(state=bad, problem=problem)
    if dated is None:
        return found._replace(state="missing", problem="it was never fetched")
    if not safe:
        return found._replace(state="unsigned", problem="its SigLevel asks for no signature of packages")
    return found._replace(state="stale", problem="it was fetched long ago") if old else found


def snapshot(
    local: Dict[str, Fields],
    options: Fields,
    failed: Dict[str, Tuple[str, float]],
    changing: Dict[str, List[str]],
    trouble: List[str],
) -> Snapshot:
    """What is installed. trouble: what is known to be wrong besides.

    failed: {name: (version, time)} of scriptlets that failed, which pacman itself forgets; who installed the package
    anew since has mended it. changing: {name: [architecture, version]} of what a pacman that was killed was about to
    replace: it may have removed the old version's record and not written the new one's.
    """
    whole = [each for each in local.values() if each]
    held, found, auto = ignored(whole, options), {}, set()
    for each in whole:
        key = (each["NAME"][0], each["ARCH"][0])
        version, when = failed.get(key[0], ("", 0.0))
        bad = version == each["VERSION"][0] and int(each["INSTALLDATE"][0]) <= when
        needs = names(each.get("DEPENDS", []) + each.get("CONFLICTS", []))
        size = int(each.get("SIZE", ["0"])[0]) // 1024
        found[key] = Installed(
            each["VERSION"][0], key[0] in held, "scriptlet failed" if bad else "installed", size, needs
        )
        auto |= {key} if each.get("REASON") == ["1"] else set()
    for name, (arch, version) in changing.items():
        if not any(key[0] == name for key in found):
            found[(name, arch)] = Installed(version, False, "lost", 0, set())
    states = [
        "{0}:{1} {2}".format(*key, each.state) for key, each in sorted(found.items()) if each.state != "installed"
    ]
    states += [folder + " has lost its description" for folder, each in sorted(local.items()) if not each]
    return Snapshot(found, auto, states + trouble, options.get("Architecture", [""])[0], "any")


def candidates(coming: List[Target], kept: List[Target], have: Snapshot) -> List[Candidate]:
    """What an upgrade brings, what it removes, and what it keeps back."""
    by_name = {name: (arch, each) for (name, arch), each in have.installed.items()}
    rows = [candidate(each, by_name[each.name][1].version if each.name in by_name else None, None) for each in coming]
    for name in removed(coming, have):
        rows.append(removal(name, by_name[name][0], by_name[name][1].version))
    for each in kept:
        installed = by_name[each.name][1]
        why = "IgnorePkg or IgnoreGroup in pacman.conf" if installed.held else "pacman cannot satisfy what it needs"
        rows.append(candidate(each, installed.version, why))
    return sorted(rows, key=lambda row: (row.name, row.arch))


def steps(coming: List[Target], have: Snapshot) -> List[Step]:
    """The same as steps of a transaction."""
    by_name = {name: (arch, each.version) for (name, arch), each in have.installed.items()}
    rows = []
    for each in coming:
        old = by_name.get(each.name, ("", None))[1]
        action = "install" if old is None else ("reinstall" if old == each.version else "upgrade")
        rows.append(Step(action, each.name, each.arch, old, each.version))
    return rows + [Step("remove", name, *by_name[name], None) for name in removed(coming, have)]


def private_conf(options: Fields) -> str:
    """The host's own settings without its repositories and what it ignores; what is installed was verified before."""
    keep = [key for key in options if not key.startswith(("Ignore", "SigLevel", "LocalFileSigLevel"))]
    rows = ["{0} = {1}".format(key, value) if value else key for key in keep for value in options[key]]
    rows += ["SigLevel = Never", "LocalFileSigLevel = Never", "[plan]", "Server = file:///nonexistent", ""]
    return "\n".join(["[options]"] + rows)


def parse_pkginfo(text: str) -> Fields:
    """{key: values} of a package's ``.PKGINFO``."""
    fields: Fields = {}
    for line in text.splitlines():
        key, equals, value = line.partition(" = ")
        if equals and not key.startswith("#"):
            fields.setdefault(key, []).append(value)
    return fields


def offered(text: str) -> Offered:
    """What ``.PKGINFO`` says of a package; raise ValueError without name, version or architecture."""
    fields = parse_pkginfo(text)
    try:
        name, version, arch = (fields[key][0] for key in ("pkgname", "pkgver", "arch"))
        size = int(fields.get("size", ["0"])[0]) // 1024
    except (KeyError, ValueError):
        raise ValueError("the package file says neither its name, version and architecture, or its size is no number")
    return Offered(name, arch, version, size, names(fields.get("depend", []) + fields.get("conflict", [])))


def sync_desc(text: str, line: Line) -> str:
    """The entry of a package in a repository's database, from its ``.PKGINFO``."""
    fields = parse_pkginfo(text)
    wanted = [("FILENAME", [str(line.sha256)]), ("NAME", [line.package]), ("VERSION", [str(line.version)])]
    wanted += [("ARCH", [line.arch]), ("CSIZE", [str(line.size)]), ("SHA256SUM", [str(line.sha256)])]
    # pacman prints the base of a package without asking whether it has one
    wanted += [("BASE", fields.get("pkgbase", [line.package])), ("ISIZE", fields.get("size", ["0"]))]
    pairs = (("DEPENDS", "depend"), ("CONFLICTS", "conflict"), ("PROVIDES", "provides"), ("REPLACES", "replaces"))
    wanted += [(name, fields.get(key, [])) for name, key in pairs]
    return "".join("%{0}%\n{1}\n\n".format(name, "\n".join(values)) for name, values in wanted if values)


def sync_database(entries: List[Tuple[Line, str]]) -> Dict[str, str]:
    """The files of a repository's database (a tar archive), of lines and the ``.PKGINFO`` of their files."""
    return {"{0}-{1}/desc".format(line.package, line.version): sync_desc(text, line) for line, text in entries}


def names(specs: List[str]) -> Set[str]:
    """Names of dependencies and the like, without versions and reasons."""
    return {re.split(r"[<>=:]", spec)[0].strip() for spec in specs if spec.strip()}


def hits(spec: str, name: str, version: str) -> bool:
    """Does NAME, NAME<VERSION, … mean this package?"""
    found = _SPEC.match(spec)
    if not found or found.group(1) != name:
        return False
    if not found.group(2):
        return True
    left, right = version_key(version), version_key(found.group(3))
    return ("<" in found.group(2) and left < right) or (">" in found.group(2) and left > right) or (
        "=" in found.group(2) and left == right
    )  # fmt: skip


def parse_log(text: str) -> List[Tuple[int, str, str, Optional[str], Optional[str]]]:
    """Steps of pacman.log, oldest first: (UTC ms, name, action, version before, after)."""
    steps = []
    for line in text.splitlines():
        found = _EVENT.match(line)
        if not found:
            continue
        zone = int(found.group(2)[1:3]) * 60 + int(found.group(2)[3:])
        written = _ms(found.group(1), "%Y-%m-%dT%H:%M:%S")
        ms = written - (zone if found.group(2)[0] == "+" else -zone) * 60000
        action = ACTIONS.get(found.group(3))
        old, arrow, new = found.group(5).partition(" -> ")
        if action:
            before = old if arrow or action == "remove" else None
            steps.append((ms, found.group(4), action, before, new if arrow else (None if action == "remove" else old)))
    return steps


def parse_failures(text: str) -> List[Failure]:
    """Scriptlets that failed: pacman goes on and ends with 0, and its message names no package, so it is the one that
    was under way; after the last package it is a hook."""
    failures: List[Failure] = []
    package, lines = "a hook", []  # type: str, List[str]
    for line in text.splitlines():
        found = _UNDER_WAY.match(line)
        if found or line.startswith("("):
            package, lines = found.group(1) if found else "hook " + line.partition(") ")[2], []
        elif line == _SCRIPT_FAILED:
            failures.append(Failure(package, "scriptlet", None, lines[-5:] + [line]))
        elif line.strip():
            lines.append(line)
    return failures


def still_failed(
    before: Dict[str, Any], coming: List[List[str]], failures: List[Failure], now: float
) -> Dict[str, Any]:
    """What is to be remembered after a run: {name: [version, time]}. coming: [name, version, …] of its packages."""
    versions = {row[0]: row[1] for row in coming}
    left = {name: value for name, value in before.items() if name not in versions}
    left.update({each.package: [versions[each.package], now] for each in failures if each.package in versions})
    return left


def parse_kept_files(text: str) -> List[Tuple[str, str]]:
    """(path, where the package's version is) of configuration files that kept the admin's."""
    return [(row.group(1), row.group(2)) for row in map(_SIDE.match, text.splitlines()) if row]


def errors(text: str) -> List[str]:
    """pacman's own error lines, and the ``::`` lines that explain them (not those that tell or ask something)."""
    rows = [line.rstrip()[:300] for line in text.splitlines() if line.startswith(("error: ", ":: "))]
    return [line for line in rows if not line.endswith(("...", "[Y/n]", "[y/N]"))]


def said(log: str) -> Said:
    """What the output of a run tells."""
    full = "No space left on device" in log or "not enough free disk space" in log
    return Said(parse_failures(log), errors(log), full)

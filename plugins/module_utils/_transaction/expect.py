# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pure decisions: what a plan's lines mean for this host, and whether a simulated run is exactly that."""

from typing import Any, Callable, Dict, List, NamedTuple, Set, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import (
    Installed,
    Key,
    Line,
    Pin,
    Snapshot,
    Step,
)


class Withheld(NamedTuple):
    """A line that this host does not take, and why."""

    name: str
    arch: str
    version: str
    why: str


class Expected(NamedTuple):
    """What the lines mean here. must: upgrades that have to happen; may: new packages that upgrades may need; remove:
    packages that may go; newer: installed is newer than the plan; offered: lines that the private index holds."""

    must: Dict[Key, Line]
    may: Dict[Key, Line]
    remove: Set[Key]
    newer: List[Dict[str, str]]
    withheld: List[Withheld]
    offered: List[Line]


class Verdict(NamedTuple):
    """unexpected: steps that the plan does not allow, in words; kept: lines left out for a reason of the admin;
    missing: lines that should have happened and nothing explains it."""

    unexpected: List[str]
    kept: List[Withheld]
    missing: List[Line]


def expect_back(lines: List[Line], snapshot: Snapshot) -> Expected:
    """The same on the way back: every line has to happen, and only from the version that the plan has left. What is
    withheld here (a hold, another version) makes going back impossible."""
    expected = Expected({}, {}, set(), [], [], [])
    for line in lines:
        key = snapshot.find(line.package, line.arch)
        have = snapshot.installed.get(key) if key else None
        if have is None and line.action == "remove":
            continue
        if have is not None and have.version == line.version and have.state == "installed":
            continue
        why = None
        if have is not None and have.version not in line.from_versions and have.version != line.version:
            why = "it is {0} now, which the plan did not install".format(have.version)
        elif have is None and line.action != "install":
            why = "it is not installed any more"
        elif have is not None and have.held:
            why = "held"
        if why:
            expected.withheld.append(Withheld(line.package, line.arch, str(line.version), why))
        elif line.action == "remove":
            expected.remove.add(key or (line.package, line.arch))
        else:
            expected.offered.append(line)
            expected.must[(line.package, line.arch)] = line
    return expected


def judge_back(expected: Expected, steps: List[Step]) -> List[str]:
    """What a simulated way back would do besides, or would not do, in words."""
    found = []
    made = {(step.name, step.arch): step.version for step in steps}
    for step in steps:
        key = (step.name, step.arch)
        line = expected.must.get(key)
        if step.action == "remove" and key not in expected.remove:
            found.append("would remove {0}:{1} {2}".format(step.name, step.arch, step.installed))
        elif step.action != "remove" and (line is None or line.version != step.version):
            found.append("would {0} {1}:{2} to {3}".format(step.action, step.name, step.arch, step.version))
    wanted: Dict[Key, Any] = {key: line.version for key, line in expected.must.items()}
    wanted.update((key, None) for key in expected.remove)
    for key in sorted(wanted):
        if key not in made:
            found.append("would leave {0}:{1} as it is".format(*key))
    return found


def expect(
    lines: List[Line],
    snapshot: Snapshot,
    skip: List[Dict[str, str]],
    pinned: Dict[str, Pin],
    newer: Callable[[str, str], bool],
) -> Expected:
    """lines: this platform's; skip: [{name, arch, why}]; pinned: by name; newer(a, b): is a
    newer than b."""
    left_out = {(each["name"], each["arch"]): each["why"] for each in skip}
    expected = Expected({}, {}, set(), [], [], [])
    for line in _newest(lines, newer):
        key = snapshot.find(line.package, line.arch)
        have = snapshot.installed.get(key) if key else None
        if line.action == "remove":
            if key:
                expected.remove.add(key)
            continue
        if have is None and line.action != "install":
            continue
        if have is not None and have.version == line.version and have.state == "installed":
            continue
        if have is not None and have.version != line.version and newer(have.version, str(line.version)):
            expected.newer.append(
                {"name": line.package, "arch": line.arch, "installed": have.version, "planned": str(line.version)}
            )
            continue
        pin = pinned.get(line.package)
        # a pin that lets the plan's version (or a newer one) through does not hold it
        holds = pin is not None and (pin.takes is None or newer(str(line.version), pin.takes))
        why = left_out.get((line.package, line.arch)) or (pin.reason if pin and holds else None)
        if have is not None and have.held:
            why = why or "held"
        if why:
            expected.withheld.append(Withheld(line.package, line.arch, str(line.version), why))
            continue
        expected.offered.append(line)
        (expected.must if have is not None else expected.may)[(line.package, line.arch)] = line
    return expected


def judge(expected: Expected, steps: List[Step], relations: Dict[str, Set[str]]) -> Verdict:
    """relations: name -> names that its installed or offered version depends on or conflicts with."""
    unexpected = []
    seen = set()
    for step in steps:
        key = (step.name, step.arch)
        if step.action == "remove":
            if key not in expected.remove:
                unexpected.append("would remove {0}:{1} {2}".format(step.name, step.arch, step.installed))
            continue
        line = expected.must.get(key) or expected.may.get(key)
        if step.action in ("downgrade",) or line is None or step.version != line.version:
            unexpected.append(
                "would {0} {1}:{2} {3} to {4}".format(
                    step.action, step.name, step.arch, step.installed or "(none)", step.version
                )
            )
            continue
        seen.add(key)
    missing = [line for key, line in sorted(expected.must.items()) if key not in seen]
    kept, unexplained = _explain(missing, expected.withheld, relations)
    return Verdict(unexpected, kept, unexplained)


def relations_of(installed: Dict[Key, Installed], stanzas: List[Any]) -> Dict[str, Set[str]]:
    """Join what the installed and the offered versions say of each other, by name."""
    relations: Dict[str, Set[str]] = {}
    for (name, _arch), each in installed.items():
        relations.setdefault(name, set()).update(each.relations)
    for each in stanzas:
        relations.setdefault(each.name, set()).update(each.relations)
    return relations


def _explain(
    missing: List[Line], withheld: List[Withheld], relations: Dict[str, Set[str]]
) -> Tuple[List[Withheld], List[Line]]:
    """A line that is kept back is explained when it is bound, directly or through others kept back, to a withheld
    one."""
    reasons = {each.name: each for each in withheld}
    open_lines = list(missing)
    kept = []
    progress = True
    while progress and open_lines:
        progress = False
        for line in list(open_lines):
            cause = next(
                (
                    name
                    for name in sorted(reasons)
                    if name in relations.get(line.package, ()) or line.package in relations.get(name, ())
                ),
                None,
            )
            if cause is None:
                continue
            why = "kept back with {0}, which is {1}".format(cause, reasons[cause].why)
            kept.append(Withheld(line.package, line.arch, str(line.version), why))
            reasons[line.package] = Withheld(line.package, line.arch, str(line.version), reasons[cause].why)
            open_lines.remove(line)
            progress = True
    return kept, open_lines


def _newest(lines: List[Line], newer: Callable[[str, str], bool]) -> List[Line]:
    """A plan is a union over hosts, so a package may have two versions in it: the host takes the newer one."""
    best: Dict[Tuple[str, str, bool], Line] = {}
    for line in lines:
        key = (line.package, line.arch, line.action == "remove")
        if key not in best or newer(str(line.version), str(best[key].version)):
            best[key] = line
    return [best[key] for key in sorted(best)]

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a plan's lines to a simulated run that is exactly those lines, or a refusal. Check mode and the real run
share it."""

import os
from typing import Any, Dict, List, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import (
    Line,
    Offered,
    Pin,
    Snapshot,
    Step,
)
from ansible_collections.lockstep.patching.plugins.module_utils._provider import registry
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Writer
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.expect import (
    Expected,
    Withheld,
    expect,
    expect_back,
    judge,
    judge_back,
    relations_of,
)
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.outcome import Stop
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.places import Places

NAMED = 10  # how many packages a message names


class Staged(NamedTuple):
    """The private index is in place. unstaged: lines of new packages whose file is not there."""

    expected: Expected
    stanzas: List[Offered]
    unstaged: List[Line]


class Prepared(NamedTuple):
    """The simulated run is what the plan says. back: the lines to bring about on the way back, else none."""

    expected: Expected
    steps: List[Step]
    kept: List[Withheld]
    back: List[Line] = []


def pins(host: Host) -> Dict[str, Pin]:
    """Pins by name, of the host's own settings now. Stop when they can't be read: silence is not "no pin"."""
    reader = registry.reader(host)
    try:
        return reader.pins() if reader is not None else {}
    except Unknown as error:
        raise Stop("failed", str(error), "the host's own settings of its package manager", error.next)
    finally:
        if reader is not None:
            reader.close()


def expected_of(writer: Writer, snapshot: Snapshot, lines: List[Line], request: Dict[str, Any]) -> Expected:
    if request.get("back"):
        return expect_back(lines, snapshot)
    return expect(lines, snapshot, request["skip"], request["pinned"], writer.newer)


def stage(
    writer: Writer, places: Places, snapshot: Snapshot, lines: List[Line], request: Dict[str, Any], work_dir: str
) -> Staged:
    """Build the private index of what this host takes. Stop when the file of an upgrade is not staged or is not what
    it says."""
    expected = expected_of(writer, snapshot, lines, request)
    ready = [line for line in expected.offered if is_staged(places, line)]
    absent = [line for line in expected.offered if line not in ready]
    needed = [line for line in absent if (line.package, line.arch) in expected.must]
    if needed:
        raise Stop("refused", "not staged: " + names(needed), places.files, "run acquire for this plan, then again")
    try:
        stanzas = writer.stage(ready, work_dir) if ready else []
    except (Unknown, ValueError) as error:
        raise Stop("failed", str(error), work_dir, getattr(error, "next", "run acquire again"))
    return Staged(expected, stanzas, absent)


def is_staged(places: Places, line: Line) -> bool:
    """Is the file there with its size? The writer compares the checksum when it uses the file."""
    try:
        size = os.stat(places.file(line.sha256 or "")).st_size
    except (OSError, ValueError):
        return False
    return line.size is None or size == line.size


def prepare(writer: Writer, snapshot: Snapshot, staged: Staged, expected: Expected, work_dir: str) -> Prepared:
    """Simulate once and compare. Stop with `refused` when anything else than the plan would happen."""
    if not staged.stanzas and not expected.remove:
        return Prepared(expected, [], list(expected.withheld))
    simulated = writer.simulate(work_dir, snapshot)
    if simulated.rc != 0:
        raise Stop(
            "failed",
            writer.words.tool + " refuses the upgrade: " + "; ".join(simulated.reasons or ["without a reason"]),
            "simulated upgrade",
            writer.words.check + " on the host shows the same",
        )
    verdict = judge(expected, simulated.steps, relations_of(snapshot.installed, staged.stanzas))
    if verdict.unexpected:
        raise Stop(
            "refused",
            "the upgrade is not what the plan says: " + some(verdict.unexpected),
            "simulated upgrade",
            "nothing was changed; detect this host again and make a new plan",
        )
    if verdict.missing:
        raise Stop(
            "refused",
            "{0} would keep back {1}{2}{3}".format(
                writer.words.tool,
                names(verdict.missing),
                "; not staged: " + names(staged.unstaged) if staged.unstaged else "",
                "; " + "; ".join(simulated.reasons) if simulated.reasons else "",
            ),
            "simulated upgrade",
            "nothing was changed; what these versions need is not in the plan, or conflicts with what is installed",
        )
    return Prepared(expected, simulated.steps, list(expected.withheld) + verdict.kept)


def prepare_back(
    writer: Writer, snapshot: Snapshot, staged: Staged, expected: Expected, lines: List[Line], work_dir: str
) -> Prepared:
    """The same on the way back to the versions before a plan."""
    if not writer.goes_back:
        raise Stop(
            "refused",
            "going back is not built for {0}".format(writer.words.tool),
            "the host's package manager",
            "nothing was changed; install the older versions by hand",
        )
    if expected.withheld:
        why = some(["{0}:{1}: {2}".format(each.name, each.arch, each.why) for each in expected.withheld])
        raise Stop(
            "refused",
            "the host is not as the plan has left it: " + why,
            "the host's packages",
            "nothing was changed; release holds, and decide about what was changed since by hand",
        )
    if not expected.must and not expected.remove:
        return Prepared(expected, [], [])
    going = [line for line in lines if line in expected.offered or _key(snapshot, line) in expected.remove]
    simulated = writer.simulate_back(work_dir, going, snapshot)
    wrong = judge_back(expected, simulated.steps) if simulated.rc == 0 else simulated.reasons or ["without a reason"]
    if wrong:
        raise Stop(
            "refused",
            "going back is not possible with just these packages: " + some(wrong),
            "simulated rollback",
            "nothing was changed; roll back the whole plan instead of one package, or mend it by hand",
        )
    return Prepared(expected, simulated.steps, [], going)


def _key(snapshot, line):
    return snapshot.find(line.package, line.arch) or (line.package, line.arch)


def names(lines: List[Line]) -> str:
    return some(["{0}:{1} {2}".format(line.package, line.arch, line.version) for line in lines])


def some(texts: List[str]) -> str:
    """The first few of many, and how many there are more."""
    more = len(texts) - NAMED
    return "; ".join(texts[:NAMED]) + (" and {0} more".format(more) if more > 0 else "")

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run has done, looked at afresh and compared with the plan."""

from typing import Any, Dict, List, Optional, Set, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Line, Snapshot
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Ended, Writer
from ansible_collections.lockstep.patching.plugins.module_utils._provider.logged import tail
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.prepare import Prepared, some


def versions(snapshot: Snapshot, lines: List[Line]) -> Dict[str, Optional[str]]:
    """name:arch of the lines -> installed version, or None."""
    found = {}
    for line in lines:
        key = snapshot.find(line.package, line.arch)
        found["{0}:{1}".format(line.package, line.arch)] = snapshot.installed[key].version if key else None
    return found


def changes(
    before: Dict[str, Optional[str]], now: Dict[str, Optional[str]], lines: List[Any], upgrade: str = "upgrade"
) -> List[Dict[str, Any]]:
    """What differs from before: [{name, arch, action, before, after, planned}]. lines: as the journal has them;
    upgrade: the action of what has another version."""
    planned = {"{0}:{1}".format(line[0], line[1]): line[3] for line in lines}
    found = []
    for text in sorted(planned):
        old, new = before.get(text), now.get(text)
        if old != new:
            name, _colon, arch = text.partition(":")
            action = "install" if old is None else ("remove" if new is None else upgrade)
            found.append(
                {"name": name, "arch": arch, "action": action, "before": old, "after": new, "planned": planned[text]}
            )
    return found


def wrong(prepared: Prepared, now: Snapshot) -> List[str]:
    """Steps that were to be made and are not as planned, in words."""
    found = []
    for step in prepared.steps:
        key = now.find(step.name, step.arch)
        have = now.installed[key].version if key else None
        if have != step.version:
            found.append(
                "{0}:{1} is {2}, not {3}".format(
                    step.name, step.arch, have or "not installed", step.version or "removed"
                )
            )
    return found


def keep_marks(writer: Writer, now: Snapshot, begin: Dict[str, Any]) -> Dict[str, Any]:
    """Compare marks and holds of what was there before; put back what a run has changed."""
    differences = _mark_differences(now, begin)
    if not any(differences):
        return {"equal": True, "restored": []}
    writer.mark(*differences)
    left = _mark_differences(writer.snapshot(), begin)
    restored = sorted(set().union(*differences) - set().union(*left))
    return {"equal": not any(left), "restored": ["{0}:{1}".format(*key) for key in restored]}


def _mark_differences(now: Snapshot, begin: Dict[str, Any]) -> Tuple[Set[Any], Set[Any], Set[Any], Set[Any]]:
    """(to mark auto, manual, held, not held)."""
    known = {tuple(text.split(":", 1)) for text, version in begin["before"].items() if version is not None}
    auto = {tuple(text.split(":", 1)) for text in begin["auto"]}
    holds = {tuple(text.split(":", 1)) for text in begin["holds"]}
    present = set(now.installed)
    return (
        (auto - now.auto) & present,
        (now.auto - auto) & known,
        (holds - now.holds) & present,
        (now.holds - holds) & known,
    )


def problem(
    writer: Writer, ended: Ended, now: Snapshot, mistakes: List[str], result: Dict[str, Any], log: str, timeout: float
) -> Optional[Dict[str, str]]:
    """{what, where, next} of what went wrong, or None. Fills result's scripts_failed."""
    said, words = writer.said(tail(log), ended), writer.words
    result["scripts_failed"] = [each._asdict() for each in said.failures[:50]]
    if now.trouble:
        state = " {0} is interrupted: {1}".format(words.database, some(now.trouble))
    else:
        state = " {0} itself is in order.".format(words.database)
    if ended.rc is None:
        return {
            "what": "it did not end within {0} s and was stopped, in: {1}.{2}".format(
                int(timeout), "; ".join(ended.hanging)[:300] or words.tool, state
            ),
            "where": log,
            "next": "find out what it waits for; the next run finishes what was left half done",
        }
    if said.out_of_space and (ended.rc or now.trouble):
        return {
            "what": "no space left on the device in the middle of the upgrade.{0}".format(state),
            "where": log,
            "next": "free some space (df on the host), then run again: it repairs what was left and goes on",
        }
    if said.failures:
        return {
            "what": "; ".join(_failure(each, words.database) for each in said.failures[:5]) + "." + state,
            "where": log,
            "next": "mend what the script says, then run again; or exclude the package in the next plan",
        }
    if ended.rc:
        what = "{0} ended with {1}: {2}".format(words.tool, ended.rc, some(said.errors) or "without a message")
        return {"what": what[:600] + "." + state, "where": log, "next": "see the log on the host, then run again"}
    if now.trouble or mistakes:
        return {
            "what": "after the upgrade: " + some(now.trouble + mistakes),
            "where": log,
            "next": words.check + " on the host, then run again",
        }
    if not result["marks"]["equal"]:
        return {
            "what": "the marks or holds of packages are not as they were before",
            "where": words.marks,
            "next": "compare with the journal's first record and put them back",
        }
    return None


def _failure(each, database):
    script = (
        "{0} script of {1} failed with {2}".format(each.script, each.package, each.status)
        if each.script
        else "{0} could not process {1}".format(database, each.package)
    )
    last = [line for line in each.lines[:-1] if line.strip()][-1:] if each.script else each.lines[-1:]
    return script + (": " + last[0] if last else "")


def outcome(error: Optional[Dict[str, str]], packages: List[Any]) -> str:
    if error:
        return "failed"
    return "installed" if packages else "nothing"


def last_lines(log: str, count: int = 40, width: int = 300) -> List[str]:
    return [line[:width] for line in tail(log, 32768).splitlines()[-count:]]

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shape of a transaction's result."""

from typing import Any, Dict

OUTCOMES = ("installed", "nothing", "failed", "refused", "unknown")
TEXT = 600  # characters of one text that hosts supply


class Stop(Exception):
    """The transaction ends here. outcome: one of OUTCOMES; what happened, where, and what to do next."""

    def __init__(self, outcome: str, what: str, where: str, next_step: str) -> None:
        super(Stop, self).__init__(what)
        self.outcome = outcome
        self.error = {"what": str(what)[:TEXT], "where": str(where)[:TEXT], "next": str(next_step)[:TEXT]}


def empty(request: Dict[str, Any], outcome: str) -> Dict[str, Any]:
    """Return a whole result in which nothing has happened."""
    return {
        "outcome": outcome,
        "error": None,
        "changed": False,
        "transaction": request["transaction"],
        "plan_id": request["plan_id"],
        "attempt": request["attempt"],
        "packages": [],
        "newer": [],
        "kept_back": [],
        "conffiles": [],
        "scripts_failed": [],
        "marks": {"equal": True, "restored": []},
        "restarted": [],
        "restart_failed": [],
        "reboot_reasons": [],
        "manager": [],
        "repaired": False,
        "boot_id": "",
        "started_ms": 0,
        "finished_ms": 0,
        "timings": {},
        "log": "",
        "log_tail": [],
    }


def shrink(result: Dict[str, Any]) -> Dict[str, Any]:
    """Return the result without what it can do without: for a journal in which the whole one has no room."""
    small = dict(
        result,
        conffiles=result["conffiles"][:50],
        log_tail=[],
        newer=result["newer"][:50],
        kept_back=result["kept_back"][:50],
        scripts_failed=[dict(each, lines=[]) for each in result["scripts_failed"][:50]],
        reboot_reasons=result["reboot_reasons"][:20],
        shortened=True,
    )
    small["packages"] = [[each["name"], each["arch"], each["before"], each["after"]] for each in result["packages"]]
    return small

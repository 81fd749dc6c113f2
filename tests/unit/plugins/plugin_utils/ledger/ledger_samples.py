# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small fleets for the tests of the ledger."""

from __future__ import annotations

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

NOW = 1_795_000_000_000
MINUTE = 60_000


def begin(ledger: Ledger, now_ms: int = NOW, fleet: str = "default") -> int:
    return ledger.begin_run(fleet, "rollout", "ann@control", "job-7", "control", "ab" * 32, now_ms)


def look(ledger: Ledger, host: str, token: int, content: dict, now_ms: int = NOW, known: tuple = (), **more):
    """Record a look as a host would send it: every digest, and the content of the sections that are not in known."""
    values = {
        "fleet": "default",
        "answer": {"pending": 1},
        "fingerprint": {"machine_id": "m-" + host},
        "platform": "debian-12",
    }
    values.update(more)
    return ledger.record_look(
        values.pop("fleet"),
        host,
        token,
        now_ms,
        digests={section: digest(value) for section, value in content.items()},
        sections={section: value for section, value in content.items() if section not in known},
        **values,
    )


def plan_of(*rings: tuple[str, list[str]], note: str = "", fleet: str = "default") -> tuple[str, dict]:
    body = {"schema": 1, "fleet": fleet, "policy": note, "platforms": {}, "lines": []}
    body["scope"] = [{"ring": ring, "hosts": hosts} for ring, hosts in rings]
    return digest(body), body


def open_plan(ledger: Ledger, token: int, note: str = "") -> str:
    plan_id, body = plan_of(("test", ["a"]), ("production", ["b", "c"]), note=note)
    ledger.save_plan(plan_id, body, [], "default", "ann", token, NOW)
    return plan_id


def kinds(ledger: Ledger, fleet: str = "default") -> list[str]:
    return [row["kind"] for row in ledger.evidence(fleet)]

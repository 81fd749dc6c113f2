# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Windows and freezes where they meet a run: who is in its batches, who gets files only, and how it ends."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from controller_facts import HOUR, NOW, VARIABLES, HostVars, begin, body, looked, policy, run, save

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import schedule, turns
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.admission import Admission
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.calendars import filled
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import statuses_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import RunFiles
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.verdicts import closing_line, settle
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.waiting import decision, waiting_hosts
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.gate import Gate

HOSTS = ["web1", "db1", "web2", "db2"]
RINGS = {"web1": "test", "db1": "test", "web2": "production", "db2": "production"}
MATCHES = {"db": ["db1", "db2"]}


def at(ms: float) -> str:
    return f'"{datetime.fromtimestamp((NOW + ms) / 1000, timezone.utc):%Y-%m-%d %H:%M:%S}Z"'


def once(begins: float, ends: float, more: str = "") -> str:
    return f"{{from: {at(begins)}, to: {at(ends)}{more}}}"


def write(ledger: Ledger, files: RunFiles, extra: str, hostvars: Any = None) -> tuple[Any, int]:
    token = begin(ledger)
    for host in HOSTS:
        looked(ledger, host, token)
    plan = save(ledger, token, body())
    files.write("inventory", {"hosts": HOSTS, "limited": None})
    files.write("matches", MATCHES)
    files.write_policy(policy(extra))
    variables = {**VARIABLES, "hostvars": hostvars or HostVars()}
    schedule.write(files, run(token), ledger, files.read_policy(), plan, NOW, variables)
    return plan, token


def test_without_windows_everybody_goes(ledger: Ledger, files: RunFiles) -> None:
    write(ledger, files, "")
    assert files.read("hosts-rings") == HOSTS
    assert turns.read_later(files, HOSTS) == {}


def test_who_is_outside_its_window_gets_its_files_and_waits(ledger: Ledger, files: RunFiles) -> None:
    plan, token = write(ledger, files, f"windows: [{once(HOUR, 3 * HOUR, ', rings: [production]')}]\n")
    assert files.read("hosts-rings") == ["web1", "db1"]
    assert files.read("hosts-stage") == HOSTS
    waits = waiting_hosts(files, turns.of_run(files, files.read_policy()), RINGS, HOSTS, NOW)
    assert {host: (reason["kind"], reason["until_ms"]) for host, reason in waits.items()} == {
        "web2": ("window", NOW + HOUR),
        "db2": ("window", NOW + HOUR),
    }
    for host in ("web1", "db1"):
        for status in ("staged", "installed", "active", "verified"):
            ledger.set_host(plan["plan_id"], host, status, "", "", {"verified_ms": NOW}, token, NOW)
    verdicts = settle(ledger, files.read_policy(), plan, token, NOW, {})
    line = closing_line(run(token), verdicts, plan, statuses_of(ledger, plan["plan_id"]), waits=waits)
    assert line.startswith(
        f"waiting: plan {plan['plan_id'][:12]}: ring 'production': 2 hosts wait (web2, db2): outside"
    )
    assert line.endswith("until 2026-11-18 12:06 UTC")


def test_a_freeze_brings_no_files_and_ends_the_list_of_rings(ledger: Ledger, files: RunFiles) -> None:
    write(ledger, files, f"freezes: [{once(-HOUR, HOUR, ', for: db, reason: migration')}]\n")
    assert files.read("hosts-rings") == ["web1"]
    assert files.read("hosts-stage") == ["web1"]


def test_a_hosts_own_variable_goes_before_the_policy(ledger: Ledger, files: RunFiles) -> None:
    window = {"from": at(-HOUR).strip('"'), "to": at(HOUR).strip('"')}
    hostvars = HostVars(web1={"lockstep_windows": [window], "other": "{{ lost }}"}, db1={"lockstep_windows": "always"})
    write(ledger, files, f"windows: [{once(-2 * HOUR, -HOUR)}]\n", hostvars)
    assert files.read("hosts-rings") == ["web1"]
    reason = turns.read_later(files, HOSTS)["db1"]
    assert (reason["kind"], reason["until_ms"]) == ("broken", None)
    assert "its variable lockstep_windows: is 'always'; must be a list" in reason["why"]


def test_the_measured_time_must_fit(ledger: Ledger, files: RunFiles) -> None:
    window = f"windows: [{once(-HOUR, HOUR / 4)}]\n"
    write(ledger, files, window + "time_to_patch: 14m\n")
    assert files.read("hosts-rings") == HOSTS
    write(ledger, files, window + "time_to_patch: 16m\n")
    assert files.read("hosts-rings") == []
    assert turns.read_later(files, HOSTS)["web1"]["kind"] == "never"


def test_the_gate_asks_again(ledger: Ledger, files: RunFiles) -> None:
    plan, _token = write(ledger, files, f"windows: [{once(-HOUR, HOUR)}, {once(5 * HOUR, 9 * HOUR)}]\n")
    go = Gate("go", None, "2 hosts may go", "", ["web1", "db1"], [])
    early = Admission(files, plan, {}, NOW)
    assert early.blocked("test") is None
    assert early.narrowed("test", go) == go
    permit = early.permit("test", "web1")
    assert permit == {"ring": "test", "until_ms": NOW + HOUR, "need_ms": 15 * 60_000}
    assert turns.too_late(permit, NOW + HOUR // 2) is None
    late = turns.too_late(permit, NOW + HOUR - 14 * 60_000)
    assert late is not None and "closed meanwhile (14m left, and it needs 15m)" in late["why"]
    assert turns.too_late(permit, NOW + HOUR - 1, starting=False) is None
    assert turns.too_late(permit, NOW + HOUR, starting=False) is not None
    assert turns.too_late({"ring": "test", "until_ms": None, "need_ms": 1}, NOW) is None

    closed = Admission(files, plan, {}, NOW + 2 * HOUR).narrowed("test", go)
    assert (closed.decision, closed.hosts) == ("go", [])
    assert "0 hosts may go; ring 'test': 2 hosts wait (web1, db1): outside" in closed.why
    # who is noted as waiting is not a failure of its ring, and keeps the next ring from starting
    after = Admission(files, plan, {}, NOW + 2 * HOUR)
    assert set(after.waits) == {"web1", "db1"}
    blocked = after.blocked("production")
    assert blocked is not None and blocked.decision == "wait" and blocked.until_ms == NOW + 5 * HOUR
    assert after.blocked("test") is None
    # a host that has begun and waits for its next window holds the rest of its ring
    begun = Admission(files, plan, {"web1": {"status": "installed"}}, NOW + 2 * HOUR)
    assert begun.blocked("test") is not None


def test_what_no_time_ends_is_a_stop() -> None:
    until = {"kind": "window", "why": "outside its window 'a'", "next": "run rollout again then", "until_ms": NOW}
    never = {"kind": "freeze", "why": "freeze 'b' holds until further notice", "next": "lift it", "until_ms": None}
    assert decision("r", {"h1": until})["decision"] == "wait"
    both = decision("r", {"h1": until, "h2": never})
    assert (both["decision"], both["next"]) == ("stop", "lift it")
    assert both["why"] == (
        "ring 'r': 1 host waits (h2): freeze 'b' holds until further notice; besides, 1 host waits for a time that is"
        " known"
    )


def test_calendars_are_read_beside_the_policy(tmp_path: Path) -> None:
    (tmp_path / "a.ics").write_text("BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    (tmp_path / "b.ics").write_bytes(b"\xff\xfe")
    extra = "freezes: [{ics: a.ics, reason: x}, {ics: b.ics, reason: x}, {ics: c.ics, reason: x}"
    extra += ", {ics: 'file:///etc/passwd', reason: x}, {ics: 'http://127.0.0.1:1/x.ics', reason: x}]\n"
    calendars = [item.calendar for item in filled(policy(extra), str(tmp_path)).freezes]
    assert calendars[0] is not None and calendars[0].text.startswith("BEGIN:VCALENDAR")
    problems = [item.problem if item else None for item in calendars[1:]]
    assert problems[0] == "it is not UTF-8 text"
    assert problems[1] == "No such file or directory"
    assert problems[2] == "only files, http:// and https:// are read"
    assert "refused" in str(problems[3])


@pytest.mark.parametrize("value", ["{{ x }}", ["{% if x %}"], {"a": ["{{ x }}"]}])
def test_only_templates_are_templated(value: Any) -> None:
    from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.own_variables import read

    class Templated(HostVars):
        def __getitem__(self, host: str) -> dict[str, Any]:
            return {"zone": "filled in"}

    assert read(Templated(a={"zone": value}, b={"zone": "b"}, c={}), ["a", "b", "c"], ["zone"]) == {
        "a": {"zone": "filled in"},
        "b": {"zone": "b"},
    }

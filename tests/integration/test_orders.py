# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people order holds on real hosts: halt, resume, approve, resolve, recall."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fleet import Fleet, Result
from proof import HOSTS, ended, expect, installed, ledger_of, offer, runs_script, sound, statuses, until

pytestmark = pytest.mark.lab

OLD, TESTED = (dict.fromkeys(HOSTS, version) for version in ("1.0", "1.1"))


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet]) -> Fleet:
    """Hosts with 1.0 installed and 1.1 of two packages pending; lab-slow takes 6 s."""
    made = make_fleet(publish=("1.0",))
    offer(made, "1.1", "lab-plain")
    return made


def order(fleet: Fleet, kind: str, *more: str, why: str = "told to") -> Result:
    extra = [text for item in more for text in ("-e", item)]
    return fleet.play(kind, "-e", f"lockstep_reason='{why}'", *extra)


def kinds(fleet: Fleet) -> list[str]:
    return [row["kind"] for row in ledger_of(fleet).evidence("default")]


def test_a_halt_lets_hosts_finish_and_starts_no_other(fleet: Fleet) -> None:
    offer(fleet, "1.1", "lab-slow", postinst="sleep 6")
    expect(fleet.play("plan"), "done")
    process = fleet.start("rollout")
    until("the test host is at work", lambda: runs_script(fleet, "test1", "lab-slow"))
    expect(order(fleet, "halt", why="errors at the checkout"), "done", "fleet default is halted")
    expect(ended(fleet, process, "rollout"), "stopped", "halted by", "errors at the checkout", "playbook resume")
    assert installed(fleet, "lab-plain") == {**OLD, "test1": "1.1"}
    assert statuses(fleet)["test1"] == "verified", "what ran has finished, reboot and verification included"
    expect(fleet.play("deploy"), "stopped", "halted by")
    assert installed(fleet, "lab-plain") == {**OLD, "test1": "1.1"}

    expect(order(fleet, "resume", why="it was the network"), "done", "1 halt", "lifted")
    expect(order(fleet, "resume"), "stopped", "nothing is halted")
    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    assert installed(fleet, "lab-plain") == TESTED
    assert {"halt", "halt_ended"} <= set(kinds(fleet))
    sound(fleet)


@pytest.fixture
def receiver() -> Iterator[Any]:
    """A web server on loopback that keeps the messages that it gets, in `got`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))  # type: ignore[attr-defined]
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the terminal."""

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.got = []  # type: ignore[attr-defined]
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_production_waits_for_signed_approvals_of_others(fleet: Fleet, receiver: Any) -> None:
    keys = {name: fleet.folder / name for name in ("ann", "eve")}
    for name, path in keys.items():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    public = (fleet.folder / "ann.pub").read_text().split()
    (fleet.folder / "allowed_signers").write_text(f"ann@example.org {public[0]} {public[1]}\n")
    with fleet.policy.open("a") as policy:
        policy.write("approvals: [{before: production, count: 1, signers: allowed_signers}]\n")
        policy.write(f"notify: [{{webhook: 'http://127.0.0.1:{receiver.server_port}/hook'}}]\n")

    waits = fleet.play("rollout")
    expect(waits, "waiting", "ring 'production' needs 1 signed approval and has none", "until somebody approves it")
    assert installed(fleet, "lab-plain") == {**OLD, "test1": "1.1"}
    unsigned = order(fleet, "approve", "lockstep_ring=production")
    expect(unsigned, "stopped", "does not count", "no valid signature")
    expect(order(fleet, "approve", f"lockstep_sign={keys['eve']}"), "stopped", "no valid signature")
    expect(fleet.play("rollout"), "waiting", "has none")
    mine = order(fleet, "approve", f"lockstep_sign={keys['ann']}")
    expect(mine, "stopped", "ann@example.org: made the plan")
    hers = order(fleet, "approve", f"lockstep_sign={keys['ann']}", "awx_user_name=ann")
    expect(hers, "done", "no approval is missing")
    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    assert installed(fleet, "lab-plain") == TESTED
    approval = next(row for row in ledger_of(fleet).evidence("default") if row["kind"] == "approval")
    assert "BEGIN SSH SIGNATURE" in approval["body"]["detail"]["signature"]
    told = [(message["event"], message["stage"]) for message in receiver.got]
    assert told == [("waiting_for_approval", "rollout"), ("waiting_for_approval", "rollout"), ("completed", "rollout")]
    assert receiver.got[-1]["hosts"] == {"verified": 3}
    sound(fleet)


def test_the_author_of_a_plan_does_not_approve_it(fleet: Fleet) -> None:
    with fleet.policy.open("a") as policy:
        policy.write("approvals: [{before: test}]\n")
    expect(fleet.play("rollout"), "waiting", "ring 'test' needs 1 approval and has none")
    expect(order(fleet, "approve"), "stopped", "made the plan")
    assert installed(fleet, "lab-plain") == OLD
    expect(order(fleet, "approve", "awx_user_name=bob"), "done", "no approval is missing")
    expect(fleet.play("rollout"), "done")
    assert installed(fleet, "lab-plain") == TESTED


def test_a_failed_host_is_skipped_by_a_person_and_its_ring_goes_on(fleet: Fleet) -> None:
    offer(fleet, "1.1", "lab-web", postinst="test ! -e /broken")
    fleet.policy.write_text(fleet.policy.read_text().replace("batch: 100%", "batch: 1"))
    fleet.lab.host("prod1").write("/broken", "")
    expect(fleet.play("rollout"), "stopped", "prod1")
    assert statuses(fleet) == {"test1": "verified", "prod1": "failed", "prod2": "staged"}
    expect(order(fleet, "resolve", "host=prod1", "lockstep_resolution=away"), "stopped", "retry or skip")
    expect(order(fleet, "resolve", "host=prod9", "lockstep_resolution=skip"), "stopped", "prod9")
    expect(order(fleet, "resolve", "host=test1", "lockstep_resolution=skip"), "stopped", "nothing to resolve")
    expect(order(fleet, "resolve", "host=prod1", "lockstep_resolution=skip", why="new disk"), "done", "new disk")
    expect(fleet.play("rollout"), "done", "2 of 3 hosts verified")
    assert statuses(fleet) == {"test1": "verified", "prod1": "skipped", "prod2": "verified"}
    assert fleet.versions("prod2", "lab-web") == "1.1"


def test_a_recalled_version_goes_no_further(fleet: Fleet) -> None:
    offer(fleet, "1.1", "lab-web")
    expect(fleet.play("plan"), "done")
    expect(fleet.play("test"), "done")
    told = order(fleet, "recall", "package=lab-plain", why="drops connections")
    expect(told, "done", "lab-plain 1.1 is recalled", "1 host had it at the last look: test1")
    expect(fleet.play("rollout"), "done")
    assert installed(fleet, "lab-plain") == {**OLD, "test1": "1.1"}
    assert installed(fleet, "lab-web") == TESTED
    expect(fleet.play("rollout"), "done", "nothing to do", "left out")
    assert installed(fleet, "lab-plain") == {**OLD, "test1": "1.1"}

    expect(order(fleet, "recall", "package=lab-plain", "lockstep_end=true", why="a false alarm"), "done", "ended")
    fleet.play("rollout")
    assert {"recall", "recall_ended"} <= set(kinds(fleet))

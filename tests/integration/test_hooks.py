# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hooks around hosts, batches and rings: in order, within their time, and taken back where the work does not go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fleet import Fleet
from proof import HOSTS, expect, installed, kill_controller, ledger_of, offer, reason, sound, statuses, until

pytestmark = pytest.mark.lab

OLD, TESTED = (dict.fromkeys(HOSTS, version) for version in ("1.0", "1.1"))
RINGS = """\
rings:
  - {name: test, hosts: ring_test, soak: 0h}
  - {name: production, hosts: ring_production, soak: 0h, batch: [1, 1], gate: {max_failed: 1}}
"""


class Balancer(ThreadingHTTPServer):
    """A load balancer's interface: who is out of it, and every call in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refuses: set[str] = set()
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Balancer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.calls.append(self.path.lstrip("/"))
        self.send_response(503 if self.path.lstrip("/") in self.server.refuses else 200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def balancer() -> Iterator[Balancer]:
    server = Balancer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet]) -> Fleet:
    made = make_fleet(publish=("1.0",))
    offer(made, "1.1", "lab-plain", "lab-web")
    return made


def owed(fleet: Fleet) -> list[tuple[str, str, str]]:
    return [(row["subject"], row["hook"], row["state"]) for row in ledger_of(fleet).open_hooks("default")]


def test_hooks_surround_hosts_batches_and_rings(fleet: Fleet, balancer: Balancer) -> None:
    role = fleet.folder / "roles" / "note" / "tasks"
    role.mkdir(parents=True)
    (role / "main.yml").write_text(
        "- ansible.builtin.copy: {content: '{{ note_text }}', dest: '/root/note-{{ inventory_hostname }}'}\n"
    )
    fleet.policy.write_text(
        f"""{RINGS}hooks:
  - {{name: silence, scope: ring, rings: [production], pre: {{http: "{balancer.url}/silence/{{ring}}", method: POST}},
     post: {{http: "{balancer.url}/speak/{{ring}}", method: POST}}}}
  - {{name: batch, scope: batch, pre: {{http: "{balancer.url}/batch/{{hosts}}", method: POST}},
     post: {{http: "{balancer.url}/batch-end/{{hosts}}", method: POST}}}}
  - {{name: pool, for: ring_production, pre: {{http: "{balancer.url}/out/{{host}}", method: POST, expect: 200}},
     post: {{http: "{balancer.url}/in/{{host}}", method: POST}}}}
  - {{name: web, for: prod1, pre: {{command: systemctl stop lab-web, on: host}},
     post: {{command: systemctl start lab-web, on: host}}}}
  - {{name: note, for: prod2, post: {{role: note, vars: {{note_text: "{{host}} of {{ring}}"}}}}}}
"""
    )
    done = fleet.play("rollout")
    expect(done, "done", "3 of 3 hosts verified")
    assert "skipping: [" not in done.output
    assert balancer.calls == [
        "batch/test1", "batch-end/test1", "silence/production", "batch/prod1", "out/prod1", "in/prod1",
        "batch-end/prod1", "batch/prod2", "out/prod2", "in/prod2", "batch-end/prod2", "speak/production",
    ]  # fmt: skip
    assert fleet.lab.host("prod2").read("/root/note-prod2") == "prod2 of production"
    assert fleet.lab.host("prod1").run("systemctl is-active lab-web").stdout == "active\n"
    assert owed(fleet) == []
    rows = [row["body"] for row in ledger_of(fleet).evidence("default", subject="prod1") if row["kind"] == "hook"]
    rows = [row for row in rows if row["scope"] == "host"]
    assert [(row["hook"], row["step"], row["outcome"]) for row in rows] == [
        ("pool", "pre", "begun"), ("pool", "pre", "done"), ("web", "pre", "begun"), ("web", "pre", "done"),
        ("web", "post", "done"), ("pool", "post", "done"),
    ]  # fmt: skip
    sound(fleet)
    balancer.calls.clear()
    expect(fleet.play("rollout"), "done")
    assert balancer.calls == []


def test_a_pre_hook_that_hangs_keeps_its_host_as_it_is(fleet: Fleet, balancer: Balancer) -> None:
    pool = f"""{RINGS}hooks:
  - {{name: pool, pre: {{http: "{balancer.url}/out/{{host}}", method: POST}},
     post: {{http: "{balancer.url}/in/{{host}}", method: POST}}}}
"""
    hang = "  - {name: hang, for: prod1, timeout: 2s, pre: {command: sleep 100}}\n"
    fleet.policy.write_text(pool + hang)
    stopped = fleet.play("rollout")
    assert stopped.status != 0 or "prod1" in stopped.output, stopped.output
    assert installed(fleet, "lab-plain") == {**TESTED, "prod1": "1.0"}
    assert statuses(fleet)["prod1"] == "failed"
    assert reason(fleet, "prod1") == "hook hang: sleep was ended after 2s; nothing was begun on the host"
    assert balancer.calls == ["out/test1", "in/test1", "out/prod1", "in/prod1", "out/prod2", "in/prod2"]
    assert owed(fleet) == []

    fleet.policy.write_text(pool)
    balancer.refuses.add("in/prod1")
    stopped = fleet.play("rollout")
    assert installed(fleet, "lab-plain") == TESTED
    assert "hook pool: POST" in reason(fleet, "prod1") and "503" in reason(fleet, "prod1")
    assert statuses(fleet)["prod1"] == "failed" and owed(fleet) == [("prod1", "pool", "stuck")]
    assert "prod1: not taken back yet: hook pool" in stopped.output

    balancer.refuses.clear()
    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    assert statuses(fleet)["prod1"] == "verified" and owed(fleet) == []
    sound(fleet)


def test_what_a_killed_controller_has_done_is_taken_back(fleet: Fleet, balancer: Balancer) -> None:
    wait = fleet.folder / "waits"
    fleet.policy.write_text(
        f"""{RINGS}hooks:
  - {{name: pool, pre: {{http: "{balancer.url}/out/{{host}}", method: POST}},
     post: {{http: "{balancer.url}/in/{{host}}", method: POST}}}}
  - {{name: slow, for: prod1, pre: {{command: [sh, -c, "touch {wait}; sleep 30"]}}}}
"""
    )
    process = fleet.start("rollout")
    until("prod1 is out and its second hook is at work", wait.exists, 120)
    kill_controller(process)
    assert owed(fleet) == [("prod1", "pool", "done"), ("prod1", "slow", "begun")]
    assert balancer.calls[-1] == "out/prod1"

    fleet.policy.write_text(RINGS)
    expect(fleet.play("acquire"), "done")
    assert balancer.calls[-1] == "in/prod1" and owed(fleet) == []
    assert installed(fleet, "lab-plain") == {**OLD, "test1": "1.1"}
    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    sound(fleet)


def test_a_halt_while_a_host_is_drained_puts_it_back_untouched(fleet: Fleet, balancer: Balancer) -> None:
    wait, go = fleet.folder / "waits", fleet.folder / "go"
    fleet.policy.write_text(
        f"""{RINGS}hooks:
  - {{name: pool, for: prod1, pre: {{http: "{balancer.url}/out/{{host}}", method: POST}},
     post: {{http: "{balancer.url}/in/{{host}}", method: POST}}}}
  - {{name: slow, for: prod1, pre: {{command: [sh, -c, "touch {wait}; until test -e {go}; do sleep 0.2; done"]}}}}
"""
    )
    process = fleet.start("rollout")
    until("prod1 is being drained", wait.exists, 180)
    expect(fleet.play("halt", "-e", "lockstep_reason=storm"), "done")
    go.touch()
    process.wait(300)
    assert balancer.calls == ["out/prod1", "in/prod1"] and owed(fleet) == []
    assert installed(fleet, "lab-plain") == {**OLD, "test1": "1.1"}
    assert statuses(fleet)["prod1"] in ("pending", "staged")
    expect(fleet.play("resume", "-e", "lockstep_reason=over"), "done")
    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    assert balancer.calls == ["out/prod1", "in/prod1"] * 2
    sound(fleet)

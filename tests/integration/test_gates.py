# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a ring must prove on real hosts besides results: health after the soak, checks, hosts enough, rates."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fleet import CHECKOUT, Fleet
from proof import HOSTS, expect, installed, ledger_of, offer, plan_of, sound, statuses

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.proving import ask_all
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.proof import GateCheck

OLD, TESTED = (dict.fromkeys(HOSTS, version) for version in ("1.0", "1.1"))
TEST_ONLY = {**OLD, "test1": "1.1"}
PROMETHEUS = CHECKOUT / ".cache" / "prometheus" / "usr" / "bin" / "prometheus"
SOAK = 30
"""Seconds: more than a run takes from the last verdict to its end, on a busy machine too."""


def policy(fleet: Fleet, gate: str) -> None:
    fleet.policy.write_text(
        f"rings:\n  - {{name: test, hosts: ring_test, soak: {SOAK}s, gate: {{{gate}}}}}\n"
        "  - {name: production, hosts: ring_production, soak: 0h, batch: 100%}\n"
    )


@pytest.mark.lab
def test_production_follows_only_what_held_and_what_checks_agree_to(make_fleet: Callable[..., Fleet]) -> None:
    fleet = make_fleet(publish=("1.0",))
    offer(fleet, "1.1", "lab-plain")
    agreed = fleet.folder / "agreed"
    roles = fleet.folder / "roles" / "shop_is_open" / "tasks"
    roles.mkdir(parents=True)
    (roles / "main.yml").write_text(
        "- name: Is it open?\n  ansible.builtin.assert:\n"
        f"    that: \"'{fleet.folder}/open' is exists\"\n"
        "    fail_msg: the shop is shut on {{ lockstep_check_ring }}\n"
    )
    policy(fleet, f"checks: [{{command: [/bin/cat, {agreed}]}}, {{role: shop_is_open}}]")
    env = {"ANSIBLE_ROLES_PATH": str(fleet.folder / "roles")}
    expect(fleet.play("rollout", **env), "waiting", "ring 'test'", "soaks until")
    time.sleep(SOAK)

    # a service that worked when its host was verified fails during the soak
    fleet.lab.host("test1").run("systemctl stop lab-web")
    expect(fleet.play("rollout", **env), "stopped", "test1", "lab-web")
    assert statuses(fleet)["test1"] == "regressed"
    assert installed(fleet, "lab-plain") == TEST_ONLY
    fleet.lab.host("test1").run("systemctl start lab-web")
    expect(fleet.play("rollout", **env), "waiting", "soaks until")
    time.sleep(SOAK)

    expect(fleet.play("rollout", **env), "stopped", "says no", "No such file")
    agreed.write_text("go\n")
    expect(fleet.play("rollout", **env), "stopped", "'role shop_is_open' says no: ", "the shop is shut on test")
    assert installed(fleet, "lab-plain") == TEST_ONLY
    (fleet.folder / "open").write_text("")
    expect(fleet.play("rollout", **env), "done", "3 of 3 hosts verified")
    assert installed(fleet, "lab-plain") == TESTED
    sound(fleet)
    asked = [
        (row["body"]["check"], row["body"]["ok"]) for row in ledger_of(fleet).evidence("default", kind="gate_check")
    ]
    assert asked[-2:] == [("role shop_is_open", True), (f"command /bin/cat {agreed}", True)]
    (test, _production) = fleet.report()["rings"]
    assert "1 host verified" in test["reason"] and "exit status 0: go" in test["reason"]


@pytest.mark.lab
def test_few_hosts_or_a_bad_rate_hold_production_until_somebody_bears_it(make_fleet: Callable[..., Fleet]) -> None:
    fleet = make_fleet(publish=("1.0",))
    offer(fleet, "1.1", "lab-plain")
    base = fleet.policy.read_text()
    fleet.policy.write_text(base.replace("soak: 0h}", "soak: 0h, gate: {min_hosts: 2}}", 1))
    expect(fleet.play("rollout"), "stopped", "ring 'test' has 1 host (test1)", "gate.min_hosts is 2")
    assert installed(fleet, "lab-plain") == OLD
    fleet.policy.write_text(base.replace("soak: 0h}", "soak: 0h, gate: {statistics: {max_rate: 20%}}}", 1))
    expect(fleet.play("rollout"), "stopped", "too few hosts: 0 of 1 host failed or regressed", "20% takes 14 hosts")
    assert installed(fleet, "lab-plain") == TEST_ONLY
    accept = ("-e", "lockstep_reason='it is the only one of its kind'")
    expect(fleet.play("resolve", "-e", "lockstep_ring=tset", *accept), "stopped", "no ring 'tset'")
    expect(fleet.play("resolve", "-e", "lockstep_ring=test", *accept), "done", "may pass with the hosts and rates")
    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    assert installed(fleet, "lab-plain") == TESTED
    (row,) = ledger_of(fleet).outcomes("default", 0, plan_of(fleet)["plan_id"])[1:]
    assert (row.ring, row.hosts, row.bad) == ("test", 1, 0)
    assert "accepted by" in fleet.report()["rings"][0]["reason"]


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[str]:
    """Debian's own Prometheus on a private port, which watches itself."""
    if not PROMETHEUS.exists():
        pytest.skip("no Prometheus; scripts/test-setup fetches Debian's")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "p.yml").write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: self\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{port}', '127.0.0.1:1']}}]\n"
    )
    config, data = f"--config.file={tmp_path}/p.yml", f"--storage.tsdb.path={tmp_path}/data"
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen([str(PROMETHEUS), config, data, f"--web.listen-address=127.0.0.1:{port}"], stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def ask(url: str, query: str, low: float | None = None, high: float | None = None) -> tuple[bool, str]:
    return next(iter(ask_all([GateCheck("prometheus", url, 5_000, query, low, high)], {}).values()))


def test_a_real_prometheus_says_yes_no_and_nothing(prometheus: str) -> None:
    until = time.monotonic() + 60
    while not ask(prometheus, "sum(up)", low=1)[0] or not ask(prometheus, "count(up)", low=2)[0]:
        assert time.monotonic() < until, ask(prometheus, "up", low=0)
        time.sleep(0.5)
    assert ask(prometheus, "sum(up)", low=1, high=1) == (True, "1 (min 1 and max 1)")
    good, text = ask(prometheus, "up", low=1)
    assert not good and "instance=127.0.0.1:1,job=self} is 0 (min 1)" in text
    assert ask(prometheus, "scalar(sum(up))", high=5) == (True, "1 (max 5)")
    assert ask(prometheus, "no_such_metric", high=5) == (False, "the query has no result, and no result is no proof")
    assert "ask for a number" in ask(prometheus, "up[1m]", high=5)[1]
    good, text = ask(prometheus, "sum(", high=5)
    assert not good and "could not be asked" in text and prometheus not in text
    assert ask(prometheus, "0 / 0 * sum(up)", high=5)[0] is False, "not a number is no proof"
    assert ask("http://127.0.0.1:1", "up", high=5)[0] is False

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook suggest_rings, with a ledger that knows some hosts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

DAY = 86_400_000


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """web1 and web2 have the same packages, web3 gave its last answer long ago."""
    from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
    from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
    from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

    path = tmp_path / "ledger.db"
    packages = [{"name": "openssl", "version": "3.0", "arch": "amd64", "status": "installed"}]
    with Ledger.open(f"sqlite:///{path}") as opened:
        token = opened.begin_run("default", "detect", "me", None, "here", None, now_ms() - 20 * DAY)
        for host, age in (("web3", 9 * DAY), ("web1", 0), ("web2", 0)):
            opened.record_look(
                "default",
                host,
                token,
                now_ms() - age,
                digests={"packages": digest(packages)},
                sections={"packages": packages},
                answer={},
                fingerprint={},
                platform="debian-12-amd64-1",
            )
    return path


def test_a_group_is_chosen_kept_and_written(tmp_path: Path, play: Callable, ledger: Path) -> None:
    given = ["-e", f"lockstep_ledger={ledger}", "-e", "suggest_rings_max=2"]
    first = play("suggest_rings", *given)
    assert first.status == 0, first.output
    assert (
        first.lines[-1].startswith("done: ring_test: 1 host; wrote ")
        and "1 host: web3: its last answer is of" in first.output
    )
    written = (tmp_path / "lockstep-ring-test.yml").read_text()
    assert '"web2":' in written or '"web1":' in written
    again = play("suggest_rings", *given, "-e", "suggest_rings_pins=web1:web2")
    assert again.lines[-1].startswith("done: ring_test: 2 hosts, 1 of 1 as before; wrote ")
    same = play("suggest_rings", *given, "-e", "suggest_rings_pins=web1:web2")
    assert same.lines[-1].startswith("done: ring_test: 2 hosts, 2 of 2 as before; unchanged: ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ["-e", "suggest_rings_hosts=wbe1"],
            "stopped: suggest_rings_hosts: 'wbe1' matches nothing in the inventory; did you mean 'web1'?",
        ),
        (["-e", "suggest_rings_path=hosts.json"], "was not written by suggest_rings"),
        (["-e", "suggest_rings_hosts=web3"], "stopped: suggest_rings: no host could be chosen"),
    ],
)
def test_what_cannot_be_done_stops_and_writes_nothing(
    tmp_path: Path, play: Callable, ledger: Path, given: list[str], said: str
) -> None:
    before = (tmp_path / "hosts.json").read_text()
    done = play("suggest_rings", "-e", f"lockstep_ledger={ledger}", *given)
    assert done.status != 0 and said in done.lines[-1]
    assert (tmp_path / "hosts.json").read_text() == before and not (tmp_path / "lockstep-ring-test.yml").exists()

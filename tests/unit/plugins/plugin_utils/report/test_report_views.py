# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Views: what they count, what they never count, and that their JSON is what the published schema says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import report_samples as samples
from jsonschema import Draft202012Validator

from ansible_collections.lockstep.patching.plugins.plugin_utils.report import view as report

SCHEMAS = Path(__file__).parents[5] / "docs"


def detect(states, **more):
    return report.fleet_view(states, None, samples.NOW, "default", **more)


def row(view, host):
    return next(item for item in view["hosts"] if item["host"] == host)


VIEWS = {
    "fleet": ("detect", lambda: detect(samples.fleet(), drift=samples.drift(), closing="done: looked at 6 hosts")),
    "empty": ("detect", lambda: detect([])),
    "all unknown": ("detect", lambda: detect([samples.gone("a"), samples.stale("b")])),
    "sections of nothing": ("detect", lambda: detect([{"host": "a", "reachable": True}])),
    "rollout": ("report", lambda: report.rollout_view(**samples.rollout_arguments())),
    "rollout of nothing": ("report", lambda: report.rollout_view({}, [], [], [], [], [], [], samples.NOW, None)),
}


@pytest.mark.parametrize("name", VIEWS)
def test_json_is_as_published(name, tmp_path):
    schema, make = VIEWS[name]
    definition = json.loads((SCHEMAS / f"{schema}.schema.json").read_text())
    Draft202012Validator.check_schema(definition)
    path = report.write(make(), str(tmp_path), ["json"])["json"]
    faults = [
        f"{list(error.path)}: {error.message}"
        for error in Draft202012Validator(definition).iter_errors(json.loads(Path(path).read_text()))
    ]
    assert faults == []


def test_counts_of_the_fleet():
    summary = detect(samples.fleet())["summary"]
    assert (summary["hosts"], summary["answered"], summary["partly"], summary["unreachable"]) == (6, 4, 1, 1)
    assert summary["security"] == {"count": 8, "hosts_with": 2, "hosts_without": 2, "hosts_unknown": 2}
    assert summary["other"] == {"count": 6, "hosts_with": 3, "hosts_without": 1, "hosts_unknown": 2}
    assert summary["reboot"] == {"yes": 2, "no": 3, "unknown": 1}
    assert summary["indexes"]["states"] == {"ok": 4, "stale": 1, "unknown": 1}
    assert [part["hosts"] for part in summary["patched"]] == [1, 1, 1, 1, 2]


def test_none_pending_and_unknown_are_different():
    view = detect([samples.state("fine", candidates=()), samples.stale("old"), samples.gone("off")])
    assert [row(view, host)["security"] for host in ("fine", "old", "off")] == [0, None, None]
    assert [row(view, host)["status"] for host in ("fine", "old", "off")] == ["answered", "partly", "unreachable"]
    assert view["summary"]["security"]["count"] == 0
    assert detect([samples.stale("old"), samples.gone("off")])["summary"]["security"]["count"] is None
    assert detect([])["summary"]["security"]["count"] is None


def test_an_unreachable_host_says_nothing_of_what_it_lacked_before():
    state = {**samples.state("web9"), "reachable": False, "error": "timed out"}
    found = row(detect([state]), "web9")
    assert found["steps"] == [] and found["security"] is None and found["reboot"] == "unknown"
    assert found["unknown"][0]["why"] == "unreachable: timed out; last answer 2026-11-21 00:00 UTC"


@pytest.mark.parametrize(
    "section", ["os", "boot", "manager", "packages", "candidates", "holds", "indexes", "reboot", "services"]
)
def test_a_section_that_could_not_be_read_makes_the_host_partly_unknown(section):
    state = samples.state("web9")
    state["sections"][section] = {"unknown": f"{section} broke"}
    found = row(detect([state]), "web9")
    assert found["status"] == "partly"
    assert f"{section} broke" in [item["why"] for item in found["unknown"]]


def test_processes_that_could_not_be_looked_at_are_no_zero():
    state = samples.state("web9")
    state["sections"]["services"] = {"outdated": [], "complete": False, "reason": "not root"}
    found = row(detect([state]), "web9")
    assert (found["services"], found["services_seen"]) == (None, 0)


def test_reasons_that_differ_only_in_the_host_are_one():
    reasons = detect([samples.stale("db2"), samples.stale("db3")])["unknown"]
    assert [(item["next"], item["hosts"]) for item in reasons] == [
        ("run apt-get update on the host and look at its sources", ["db2", "db3"])
    ]
    assert "on db2 and" in detect([samples.stale("db2")])["unknown"][0]["next"]


def test_packages_are_counted_over_hosts():
    packages = {item["package"]: item for item in detect(samples.fleet())["packages"]}
    assert packages["openssl"]["hosts"] == 3  # web1 and db1, and db2 whose index is stale
    assert packages["openssl"]["installed"] == ["3.0.15-1~deb12u1"]
    assert packages["openssl"]["origin"] == "Debian-Security bookworm-security"
    assert not packages["tzdata"]["security"]


def test_drift_is_one_row_a_version_and_a_gap_makes_it_incomplete():
    found = detect(samples.fleet(), drift=samples.drift())["drift"]
    assert [(item["package"], item["hosts"]) for item in found["rows"]] == [
        ("curl", ["db1"]),
        ("openssl", ["web1", "db1"]),
    ]
    assert found["complete"] is False
    assert detect([], drift={**samples.drift(), "gaps": [], "test_hosts": []})["drift"]["complete"] is False
    assert detect([], drift={**samples.drift(), "gaps": []})["drift"]["complete"] is True


def rollout(**more):
    return report.rollout_view(**{**samples.rollout_arguments(), **more})


def test_a_host_without_a_result_has_a_row_and_a_next_step():
    view = rollout()
    assert [item["host"] for item in view["hosts"]] == ["test1", "test2", "web1", "web2", "db1", "db2"]
    found = row(view, "db2")
    assert (found["status"], found["reason"], found["reboot"]) == (
        "pending",
        "no result is recorded for this host",
        "unknown",
    )
    assert found["next"]


def test_versions_before_and_after():
    view = rollout()
    changes = {
        host: {view["steps"][n]["package"]: view["steps"][n] for n in row(view, host)["steps"]}
        for host in ("web1", "db1", "db2")
    }
    libc = {host: [changes[host]["libc6"][key] for key in ("before", "after", "result")] for host in changes}
    assert libc == {
        "web1": ["2.36-9+deb12u8", "2.36-9+deb12u10", "done"],
        "db1": ["2.36-9+deb12u8", "2.36-9+deb12u8", "differs"],
        "db2": ["2.36-9+deb12u8", None, "planned"],
    }
    assert row(view, "web2")["steps_known"] is False


def test_several_transactions_of_a_host_are_one_change():
    steps = [
        {"host": "test1", "versions": [{"package": "tzdata", "arch": "amd64", "before": old, "after": new}]}
        for old, new in (("1", "2"), ("2", "3"))
    ]
    view = rollout(transactions=steps)
    assert [(view["steps"][n]["before"], view["steps"][n]["after"]) for n in row(view, "test1")["steps"]] == [
        ("1", "3")
    ]


def test_a_change_on_an_unknown_platform_is_not_called_done_or_different():
    view = rollout(states=[])
    assert {view["steps"][n]["result"] for n in row(view, "test1")["steps"]} == {"unknown"}


def test_a_change_without_an_end_is_not_called_removed():
    steps = [{"host": "test1", "versions": [{"package": "tzdata", "arch": "amd64", "before": "1", "after": None}]}]
    view = rollout(transactions=steps)
    assert [(view["steps"][n]["after"], view["steps"][n]["result"]) for n in row(view, "test1")["steps"]] == [
        (None, "unknown")
    ]


def test_rings_keep_the_plans_order_and_one_without_a_record_waits():
    view = rollout(rings=samples.rollout_arguments()["rings"][1:])
    assert [(ring["name"], ring["state"], ring["verdict"]) for ring in view["rings"]] == [
        ("test", "waiting", None),
        ("production", "failed", "stop"),
    ]
    assert view["rings"][1]["counts"] == {"verified": 1, "pending": 1, "failed": 1, "unreachable": 1}


def test_what_is_left_is_grouped_with_the_untested_first():
    left = rollout()["left"]
    assert [(item["package"], item["why"], item["hosts"]) for item in left] == [
        ("redis-server", "untested", ["web1", "web2"]),
        ("postgresql-15", "held", ["db1"]),
    ]


def test_a_status_that_does_not_exist_is_never_taken_for_a_good_one():
    found = row(rollout(host_statuses=[{"host": "test1", "status": "great"}]), "test1")
    assert found["status"] == "pending" and "great" in found["reason"]

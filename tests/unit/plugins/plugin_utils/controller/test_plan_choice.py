# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which plan a run goes on with."""

from __future__ import annotations

from pathlib import Path

import pytest
from controller_facts import NOW, begin, body, run, save

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.plan_choice import chosen_plan
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan import plan_id
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan_file import write_plan


@pytest.fixture
def token(ledger: Ledger) -> int:
    return begin(ledger)


def choose(ledger: Ledger, token: int, wanted=None, supersede=None, check: bool = False, going=None):
    return chosen_plan(ledger, "default", wanted, supersede, going or run(token, check=check), NOW)


def file_of(tmp_path: Path, content) -> str:
    path = tmp_path / "plan.json"
    path.write_text(write_plan(content))
    return str(path)


def test_none_is_open(ledger: Ledger, token: int) -> None:
    assert choose(ledger, token) is None
    assert choose(ledger, token, supersede="old") is None


def test_the_open_plan_stays(ledger: Ledger, token: int) -> None:
    kept = save(ledger, token, body())
    assert choose(ledger, token)["plan_id"] == kept["plan_id"]
    assert choose(ledger, token, wanted=kept["plan_id"])["plan_id"] == kept["plan_id"]
    assert choose(ledger, token, wanted=kept["plan_id"][:10])["plan_id"] == kept["plan_id"]


@pytest.mark.parametrize(
    ("given", "reason"), [(True, "superseded"), ("yes", "superseded"), ("a new openssl", "a new openssl")]
)
def test_superseding_is_noted_and_the_plan_stays_open_until_there_is_another(
    ledger: Ledger, token: int, given, reason: str
) -> None:
    kept = save(ledger, token, body())
    going = run(token)
    assert choose(ledger, token, supersede=given, going=going) is None
    assert going.supersede == {"plan_id": kept["plan_id"], "reason": reason}
    assert ledger.plan(kept["plan_id"])["state"] == "open"


def test_a_plan_with_hosts_in_the_middle_is_not_superseded(ledger: Ledger, token: int) -> None:
    kept = save(ledger, token, body())
    host = kept["body"]["scope"][0]["hosts"][0]
    ledger.set_host(kept["plan_id"], host, "installed", "", "", {}, token, NOW)
    with pytest.raises(LockstepError, match=f"{host}: in the middle of plan"):
        choose(ledger, token, supersede="broken")
    ledger.set_host(kept["plan_id"], host, "failed", "", "its script", {}, token, NOW)
    assert choose(ledger, token, supersede="broken") is None


@pytest.mark.parametrize("given", [None, "", False])
def test_an_empty_supersede_closes_nothing(ledger: Ledger, token: int, given) -> None:
    save(ledger, token, body())
    assert choose(ledger, token, supersede=given)["state"] == "open"


def test_check_mode_supersedes_nothing(ledger: Ledger, token: int) -> None:
    kept = save(ledger, token, body())
    choose(ledger, token, supersede="old", check=True)
    assert ledger.plan(kept["plan_id"])["state"] == "open"


def test_a_plan_file_is_kept_once(ledger: Ledger, token: int, tmp_path: Path) -> None:
    path = file_of(tmp_path, body())
    first = choose(ledger, token, wanted=path)
    assert first["plan_id"] == plan_id(body())
    assert first["body"] == body()
    assert choose(ledger, token, wanted=path)["plan_id"] == first["plan_id"]
    assert len(ledger.plans("default")) == 1


def test_another_plan_than_the_open_one_is_refused(ledger: Ledger, token: int, tmp_path: Path) -> None:
    old = save(ledger, token, body(version="1.5"))
    ledger.close_plan(old["plan_id"], "superseded", "newer", token, NOW)
    kept = save(ledger, token, body())
    with pytest.raises(LockstepError, match=f"the open plan is {kept['plan_id'][:12]} and not {old['plan_id'][:12]}"):
        choose(ledger, token, wanted=old["plan_id"])
    with pytest.raises(LockstepError, match=f"{kept['plan_id'][:12]} of the fleet 'default' is open"):
        choose(ledger, token, wanted=file_of(tmp_path, body(version="3.0")))
    assert choose(ledger, token)["plan_id"] == kept["plan_id"]


def test_a_closed_plan_is_not_opened_anew(ledger: Ledger, token: int, tmp_path: Path) -> None:
    kept = save(ledger, token, body())
    ledger.close_plan(kept["plan_id"], "completed", "every ring has passed", token, NOW)
    for wanted in (kept["plan_id"], file_of(tmp_path, body())):
        with pytest.raises(LockstepError, match=r"is completed; plan again"):
            choose(ledger, token, wanted=wanted)


def test_a_plan_of_another_fleet_is_refused(ledger: Ledger, token: int, tmp_path: Path) -> None:
    with pytest.raises(LockstepError, match="the plan is of fleet berlin and the policy of fleet default"):
        choose(ledger, token, wanted=file_of(tmp_path, body(fleet="berlin")))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"not json", b"\xff\xfe"])
def test_a_file_that_is_no_plan_is_refused_by_name(ledger: Ledger, token: int, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(LockstepError, match="other.json"):
        choose(ledger, token, wanted=str(path))
    assert ledger.plans("default") == []


@pytest.mark.parametrize("wanted", ["plan.json", "/nowhere/plan.json", "abcdef0123"])
def test_what_is_not_there_is_refused(ledger: Ledger, token: int, wanted: str) -> None:
    with pytest.raises(LockstepError, match=wanted):
        choose(ledger, token, wanted=wanted)

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a plan takes, what it leaves out and why, and what each host then takes of it."""

from __future__ import annotations

import itertools
import random

import pytest
from policy_facts import DAY, HOUR, NOW, PLATFORM, candidate, package, patched, policy, scope, state

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.host_lines import host_lines
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan import build_plan, plan_id
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan_file import check_plan, write_plan
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.summary import LEFT_OUT

SSL = {"source": "openssl", "source_version": "1.0-2"}


def plan(states, extra="", test=("t1",), production=("p1",), first_seen=None):
    return build_plan("default", policy(extra), scope(list(test), list(production)), states, first_seen or {}, NOW)


def taken(body):
    return [(line["package"], line["action"], line["from"], line["version"]) for line in body["lines"]]


def why(left, host=None):
    return {(item["host"], item["package"]): item["why"] for item in left if host in (None, item["host"])}


def test_the_union_of_what_hosts_take() -> None:
    both, one = candidate("both"), candidate("only-test")
    body, left = plan({"t1": state(both, one), "p1": state(both)})
    assert taken(body) == [("both", "upgrade", ["1.0-1"], "1.0-2"), ("only-test", "upgrade", ["1.0-1"], "1.0-2")]
    assert left == []
    assert body["policy"] == policy().digest and set(body["platforms"]) == {PLATFORM}
    assert check_plan(write_plan(body), expected_id=plan_id(body)) == body


def test_the_id_does_not_depend_on_the_order_of_answers() -> None:
    states = {
        "t1": state(candidate("a"), candidate("b")),
        "t2": state(candidate("b", installed="0.9"), candidate("a")),
        "p1": state(candidate("a")),
    }
    ids = {plan_id(plan(dict(order), test=("t1", "t2"))[0]) for order in itertools.permutations(states.items())}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("extra", "item", "reason"),
    [
        ("select: {exclude: [nginx]}", candidate("nginx"), "excluded"),
        ("select: {exclude: [lib*]}", candidate("libssl3", **SSL), "excluded"),
        ("select: {exclude: [openssl]}", candidate("libssl3", **SSL), "excluded"),
        ("select: {only: [nginx]}", candidate("vim"), "not_selected"),
        ("select: {security: false}", candidate("vim"), "not_selected"),
        ("select: {other: false}", candidate("vim", security=False), "not_selected"),
        ("select: {delay: {security: 2d}}", candidate("vim", age_ms=DAY), "too_young"),
        ("select: {delay: {security: 2d}}", candidate("vim"), "age_unknown"),
        ("", candidate("vim", kept_back="phased", phased=10), "phased"),
        ("", candidate("vim", kept_back="would remove emacs"), "kept_back"),
        ("", candidate("vim; reboot"), "unknown"),
        ("", candidate("vim", version="1.0 && reboot"), "unknown"),
        ("", candidate("vim", sha256="../../etc"), "unknown"),
        ("", candidate("vim", security="no"), "unknown"),
        ("select: {other: false}", candidate("vim", security=None), "not_selected"),
        ("", candidate("vim", action="purge"), "unknown"),
    ],
)
def test_left_out(extra: str, item: dict, reason: str) -> None:
    body, left = plan({"t1": state(item), "p1": state()}, extra)
    assert [(found["why"], found["host"]) for found in left] == [(reason, "t1")]
    assert left[0]["detail"] and left[0]["next"] == LEFT_OUT[reason].next
    assert body["lines"] == []


@pytest.mark.parametrize(
    ("extra", "item"),
    [
        ("select: {only: [openssl]}", candidate("libssl3", **SSL)),
        ("select: {only: [libssl*]}", candidate("libssl3", **SSL)),
        ("select: {delay: {security: 2d}}", candidate("vim", age_ms=3 * DAY)),
        ("select: {delay: {security: 2d}, age_unknown: allow}", candidate("vim")),
        ("select: {delay: {other: 2d}}", candidate("vim")),
        ("select: {other: false}", candidate("vim")),
        ("", candidate("vim", phased=10)),
    ],
)
def test_taken(extra: str, item: dict) -> None:
    body, left = plan({"t1": state(item), "p1": state()}, extra)
    assert len(body["lines"]) == 1 and left == []


NEW_NAME = [
    candidate("vim-new", action="install", installed=None, source="vim-new", age_ms=3 * DAY, security=False),
    candidate("vim", action="remove", version=None, source="vim-new", age_ms=None, security=False),
]
"""vim-new obsoletes vim: an upgrade under a new name."""


@pytest.mark.parametrize(
    ("extra", "taken"),
    [
        ("", ["vim", "vim-new"]),
        ("select: {delay: {other: 2d}}", ["vim", "vim-new"]),
        ("select: {delay: {other: 5d}}", []),
        ("select: {other: false}", []),
        ("select: {exclude: [vim]}", []),
    ],
)
def test_a_package_under_a_new_name_is_taken_with_its_removal_or_not_at_all(extra: str, taken: list[str]) -> None:
    kept = candidate("nginx", kept_back="held")
    body, left = plan({"t1": state(*NEW_NAME, kept), "p1": state()}, extra)
    assert [line["package"] for line in body["lines"]] == taken
    assert len(left) == 3 - len(taken)


@pytest.mark.parametrize(
    ("hold", "reason"),
    [
        ({"kind": "hold", "reason": "vendor says no", "where": "dpkg"}, "held"),
        ({"kind": "pin", "reason": "", "where": "/etc/apt/preferences"}, "pinned"),
    ],
)
def test_a_hold_is_told_with_its_reason(hold: dict, reason: str) -> None:
    holds = [{"name": "vim", "arch": "amd64", **hold}]
    _body, left = plan({"t1": state(candidate("vim", kept_back="held"), holds=holds), "p1": state()})
    assert left[0]["why"] == reason and hold["where"] in left[0]["detail"]


@pytest.mark.parametrize(
    ("first_seen", "reason"),
    [
        ({"1.0-2": (NOW - DAY, "seen")}, "too_young"),
        ({"1.0-2": (NOW - 3 * DAY, "seen")}, None),
        ({"1.0-2": (NOW, "seen"), "1.0-1.5": (NOW - 3 * DAY, "seen")}, None),
        ({"1.0-2": (NOW, "seen"), "1.0-1": (NOW - 9 * DAY, "seen")}, "too_young"),
        ({"1.0-2": (NOW, "seen"), "1.0-3": (NOW - 9 * DAY, "seen")}, "too_young"),
        ({"1.0-2": (NOW - 9 * DAY, "dated")}, None),
        ({"1.0-2": (NOW - DAY, "dated")}, "too_young"),
        ({"1.0-2": (NOW - HOUR, "unknown")}, "age_unknown"),
        ({"1.0-2": (NOW - 3 * DAY, "unknown")}, None),
        ({"1.0-2": (NOW + DAY, "seen")}, "too_young"),
        ({}, "age_unknown"),
    ],
    ids=[
        "young",
        "old",
        "successor inherits",
        "not from what is installed",
        "not from newer",
        "dated",
        "dated and young",
        "first look",
        "first look long ago",
        "from the future",
        "never seen",
    ],
)
def test_age(first_seen: dict, reason: str | None) -> None:
    seen = {(PLATFORM, "vim", "amd64", version): found for version, found in first_seen.items()}
    _body, left = plan(
        {"t1": state(candidate("vim")), "p1": state()}, "select: {delay: {security: 2d}}", first_seen=seen
    )
    assert [item["why"] for item in left] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (None, "no look"),
        ({"seen_ms": None}, "no look"),
        ({"reachable": False, "error": "Connection timed out"}, "unreachable: Connection timed out"),
        ({"seen_ms": NOW - 2 * DAY}, "the last look is 2d old"),
        (
            {"manager": {"name": "apt", "health": "locked", "problems": ["held by apt-get (pid 7)"]}},
            "locked: held by apt-get",
        ),
        ({"manager": {"name": "apt", "health": "broken", "problems": []}}, "broken"),
        ({"manager": {"name": "apt", "health": "interrupted", "problems": []}}, "interrupted"),
        ({"manager": {"unknown": "no python3-apt"}}, "no python3-apt"),
        (
            {"indexes": [{"codename": "bookworm", "state": "stale", "signed": True, "fetched_ms": NOW}]},
            "bookworm is stale",
        ),
        (
            {"indexes": [{"codename": "bookworm", "state": "ok", "signed": False, "fetched_ms": NOW}]},
            "bookworm is unsigned",
        ),
        (
            {"indexes": [{"codename": "bookworm", "state": "ok", "signed": True, "fetched_ms": NOW - 8 * DAY}]},
            "more than 7d ago",
        ),
        (
            {"indexes": [{"codename": "bookworm", "state": "ok", "signed": True, "fetched_ms": None}]},
            "nothing says when",
        ),
        ({"indexes": []}, "there are none"),
        ({"candidates": {"unknown": "the solver failed"}}, "the solver failed"),
        ({"packages": {"unknown": "dpkg is locked"}}, "dpkg is locked"),
        ({"holds": {"unknown": "cannot read"}}, "holds: cannot read"),
        ({"platform": {"id": "x/../y"}}, "platform id is not usable"),
    ],
)
def test_an_unknown_host_is_in_the_scope_and_never_fine(change: dict | None, text: str) -> None:
    bad = None
    if change is not None:
        top = {key: value for key, value in change.items() if key in ("seen_ms", "reachable", "error")}
        bad = {**state(candidate("vim"), **{key: value for key, value in change.items() if key not in top}), **top}
    body, left = plan({"t1": bad, "p1": state()})
    assert [(item["host"], item["why"], item["package"]) for item in left] == [("t1", "unknown", None)]
    assert text in left[0]["detail"] and left[0]["next"]
    assert body["scope"][0]["hosts"] == ["t1"] and body["lines"] == []


def test_a_platform_without_provider_is_unsupported() -> None:
    _body, left = plan({"t1": state(), "p1": state(manager={"name": "brew", "health": "ok", "problems": []})})
    assert [(item["host"], item["why"]) for item in left] == [("p1", "unsupported")]
    blind = {**state(manager={"unknown": "no supported package manager"}), "answer": {"supported": False}}
    _body, left = plan({"t1": state(), "p1": blind})
    assert [(item["host"], item["why"], item["detail"]) for item in left] == [
        ("p1", "unsupported", "no supported package manager")
    ]


@pytest.mark.parametrize(
    ("test", "untested", "expected"),
    [
        ([candidate("vim")], "withhold", "taken"),
        ([], "withhold", "withheld"),
        ([candidate("vim", installed="0.9")], "withhold", "withheld"),
        ([candidate("vim", installed="0.9")], "other_start", "listed"),
        ([], "other_start", "withheld"),
        ([], "allow", "listed"),
        ([candidate("vim", arch="i386")], "withhold", "withheld"),
    ],
)
def test_untested_steps(test: list, untested: str, expected: str) -> None:
    body, left = plan({"t1": state(*test), "p1": state(candidate("vim"))}, f"select: {{untested: {untested}}}")
    listed = [item for item in left if item["why"] == "untested" and item["host"] == "p1"]
    assert [item["taken"] for item in listed] == {"taken": [], "withheld": [False], "listed": [True]}[expected]
    assert any("1.0-1" in line["from"] and line["arch"] == "amd64" for line in body["lines"]) == (
        expected != "withheld"
    )


@pytest.mark.parametrize(
    ("version", "events", "expected"),
    [
        (
            "1.0-2",
            [{"ms": 1, "name": "vim", "arch": "amd64", "action": "upgrade", "from": "1.0-1", "to": "1.0-2"}],
            True,
        ),
        (
            "1.0-2",
            [{"ms": 1, "name": "vim", "arch": "amd64", "action": "upgrade", "from": "0.9", "to": "1.0-2"}],
            False,
        ),
        (
            "1.0-3",
            [{"ms": 1, "name": "vim", "arch": "amd64", "action": "upgrade", "from": "1.0-1", "to": "1.0-2"}],
            False,
        ),
        ("1.0-2", [], False),
    ],
)
def test_a_step_that_a_test_host_took_before_is_proved(version: str, events: list, expected: bool) -> None:
    """So what an earlier plan left behind in production can follow."""
    history = {"sources": [], "complete_from_ms": 0, "last_patched_ms": 1, "events": events, "missing": None}
    test = state(packages=[package("vim", version)], history=history)
    body, left = plan({"t1": test, "p1": state(candidate("vim"))})
    assert (len(body["lines"]) == 1) is expected
    assert ([item["why"] for item in left] == []) is expected


def test_another_platform_proves_nothing() -> None:
    body, left = plan({"t1": state(candidate("vim"), platform="debian-11-amd64-9"), "p1": state(candidate("vim"))})
    assert [line["platform"] for line in body["lines"]] == ["debian-11-amd64-9"]
    assert f"no host of platform {PLATFORM}" in left[0]["detail"]


def test_packages_of_one_source_are_withheld_together() -> None:
    ssl, lib = candidate("openssl", **SSL), candidate("libssl3", **SSL)
    body, left = plan({"t1": state(lib, candidate("vim")), "p1": state(ssl, lib, candidate("vim"))})
    assert why(left) == {("p1", "libssl3"): "untested", ("p1", "openssl"): "untested"}
    lines, skip = host_lines(body, state(ssl, lib, candidate("vim")), [item for item in left if item["host"] == "p1"])
    assert [line["package"] for line in lines] == ["vim"] and [item["package"] for item in skip] == ["libssl3"]


def test_a_security_update_takes_its_source_and_what_it_newly_needs() -> None:
    """A kernel: the security update is the new image, which no host has yet."""
    kernel = {"source": "linux", "source_version": "6.1.164-1"}
    meta = candidate("linux-image-amd64", installed="6.1.159-1", version="6.1.164-1", security=False, **kernel)
    image = candidate("linux-image-6.1.0-42-amd64", installed=None, version="6.1.164-1", **kernel)
    other, removal = candidate("vim", security=False), candidate("emacs", version=None, security=False)
    body, left = plan({"t1": state(meta, image, other, removal), "p1": state()}, "select: {other: false}")
    assert taken(body) == [
        ("linux-image-6.1.0-42-amd64", "install", [], "6.1.164-1"),
        ("linux-image-amd64", "upgrade", ["6.1.159-1"], "6.1.164-1"),
    ]
    assert why(left) == {("t1", "vim"): "not_selected", ("t1", "emacs"): "not_selected"}


def test_a_removal_is_taken_with_everything() -> None:
    body, left = plan({"t1": state(candidate("vim"), candidate("emacs", version=None)), "p1": state()})
    assert taken(body) == [("emacs", "remove", ["1.0-1"], None), ("vim", "upgrade", ["1.0-1"], "1.0-2")] and left == []


NEWER = {"version": "1.0-3", "source_version": "1.0-3"}


def test_mirrors_not_in_step_take_the_newest_version() -> None:
    body, left = plan({"t1": state(candidate("vim", **NEWER)), "p1": state(candidate("vim"))})
    assert taken(body) == [("vim", "upgrade", ["1.0-1"], "1.0-3")] and left == []


def test_a_pin_keeps_a_host_from_the_newest_version() -> None:
    holds = [{"name": "vim", "arch": "amd64", "kind": "pin", "reason": "", "where": "/etc/apt/preferences.d/vim"}]
    body, left = plan({"t1": state(candidate("vim", **NEWER)), "p1": state(candidate("vim"), holds=holds)})
    assert taken(body) == [("vim", "upgrade", ["1.0-1"], "1.0-3")] and why(left) == {("p1", "vim"): "pinned"}


def test_a_source_that_is_nowhere_complete_in_the_newest_version_is_left() -> None:
    newer = {"source": "openssl", "source_version": "1.0-3", "version": "1.0-3"}
    lagging = state(candidate("libssl3", **SSL), candidate("libssl-dev", **SSL))
    body, left = plan({"t1": state(candidate("libssl3", **newer)), "p1": lagging})
    assert taken(body) == [("libssl3", "upgrade", ["1.0-1"], "1.0-3")]
    assert why(left) == {("p1", "libssl3"): "kept_back", ("p1", "libssl-dev"): "kept_back"}


def test_a_phased_version_goes_only_where_it_is_offered() -> None:
    states = {
        "t1": state(candidate("vim", phased=20, **NEWER)),
        "t2": state(candidate("vim")),
        "p1": state(candidate("vim")),
    }
    body, left = plan(states, test=("t1", "t2"))
    assert [(version, line["phased"]) for line in body["lines"] for version in [line["version"]]] == [
        ("1.0-2", None),
        ("1.0-3", 20),
    ]
    assert left == []
    assert [line["version"] for line in host_lines(body, states["t1"])[0]] == ["1.0-3"]
    assert [line["version"] for line in host_lines(body, states["p1"])[0]] == ["1.0-2"]


def test_two_checksums_for_one_version_stop_it_everywhere() -> None:
    one, two = candidate("vim", sha256="a" * 64), candidate("vim", sha256="b" * 64)
    body, left = plan({"t1": state(one), "p1": state(two)})
    assert (
        body["lines"] == []
        and set(why(left).values()) == {"unknown"}
        and "t1, p1" in left[0]["detail"]
        or "p1, t1" in left[0]["detail"]
    )


def test_a_checksum_that_one_host_knows_is_used() -> None:
    body, _left = plan({"t1": state(candidate("vim")), "p1": state(candidate("vim", sha256="a" * 64))})
    assert [line["sha256"] for line in body["lines"]] == ["a" * 64]


LINE = {"t1": state(candidate("vim")), "p1": state(candidate("vim"))}


@pytest.mark.parametrize(
    ("now", "left", "exclude", "takes", "skipped"),
    [
        (state(candidate("vim")), [], (), ["vim"], []),
        (state(packages=[package("vim", "1.0-2")]), [], (), [], []),
        (state(packages=[package("vim", "1.0-3")]), [], (), [], ["newer"]),
        (state(candidate("vim", version="1.0-9")), [], (), ["vim"], []),
        (state(packages=[package("vim", "1.0-1")]), [], (), ["vim"], []),
        (state(candidate("vim", installed="0.9")), [], (), [], ["untested"]),
        (state(), [], (), [], []),
        (state(candidate("vim")), [], ("v*",), [], ["excluded"]),
        (
            state(
                candidate("vim"),
                holds=[{"name": "vim", "arch": "amd64", "kind": "hold", "reason": "x", "where": "dpkg"}],
            ),
            [],
            (),
            [],
            ["held"],
        ),
        (
            state(candidate("vim")),
            [
                {
                    "package": "vim",
                    "arch": "amd64",
                    "version": "1.0-2",
                    "why": "too_young",
                    "detail": "1d old",
                    "taken": False,
                }
            ],
            (),
            [],
            ["too_young"],
        ),
        (
            state(candidate("vim")),
            [{"package": "vim", "arch": "amd64", "version": "1.0-2", "why": "untested", "detail": "", "taken": True}],
            (),
            ["vim"],
            [],
        ),
        (
            state(candidate("vim")),
            [{"package": None, "arch": None, "version": None, "why": "unknown", "detail": "", "taken": False}],
            (),
            ["vim"],
            [],
        ),
        (state(candidate("vim"), platform="other-1"), [], (), [], []),
    ],
    ids=[
        "takes",
        "has it",
        "newer",
        "mirror moved on",
        "withdrawn",
        "other start",
        "lacks it",
        "excluded",
        "held since",
        "left out",
        "allowed",
        "was away",
        "other platform",
    ],
)
def test_the_lines_of_a_host_as_it_is_now(now: dict, left: list, exclude: tuple, takes: list, skipped: list) -> None:
    lines, skip = host_lines(plan(LINE)[0], now, left, exclude)
    assert [line["package"] for line in lines] == takes and [item["why"] for item in skip] == skipped


@pytest.mark.parametrize("offered", ["linux-image-6.1.0-42-amd64", "linux-image-6.1.0-43-amd64"])
def test_a_new_kernel_is_taken_by_the_flavour_that_needs_it(offered: str) -> None:
    """Also after the mirror has moved on to the next kernel."""

    def host(flavour: str, image: str) -> dict:
        kernel = {"source": "linux", "source_version": "6.1.164-1", "version": "6.1.164-1"}
        return state(
            candidate(f"linux-image-{flavour}", installed="6.1.159-1", **kernel),
            candidate(image, installed=None, **kernel),
        )

    plain, cloud = host("amd64", "linux-image-6.1.0-42-amd64"), host("cloud-amd64", "linux-image-6.1.0-42-cloud-amd64")
    body, _left = plan({"t1": plain, "t2": cloud, "p1": plain}, test=("t1", "t2"))
    lines, _skip = host_lines(body, host("amd64", offered))
    assert [line["package"] for line in lines] == ["linux-image-6.1.0-42-amd64", "linux-image-amd64"]


@pytest.mark.parametrize("seed", range(60))
def test_what_the_plan_froze_for_a_host_is_what_it_takes(seed: int) -> None:
    """Random fleets: every line has a taker, every step of production is one of the test ring, and a patched host has
    nothing left."""
    rnd = random.Random(seed)
    sources = {"a": ["a1", "a2"], "b": ["b1"], "c": ["c1", "c2", "c3"]}

    def host() -> dict:
        found = []
        for source, names in sources.items():
            if rnd.random() < 0.2:
                continue
            version, start = rnd.choice(["2", "2", "3"]), rnd.choice(["1", "1", "1.5"])
            for name in rnd.sample(names, rnd.randint(1, len(names))):
                installed = None if name == "c3" else start
                found.append(
                    candidate(
                        name, installed, version, source=source, source_version=version, security=rnd.random() < 0.7
                    )
                )
        holds = [
            {"name": item["name"], "arch": "amd64", "kind": "pin", "reason": "", "where": "x"}
            for item in found
            if rnd.random() < 0.1
        ]
        return state(*found, holds=holds)

    hosts = {name: host() for name in ("t1", "t2", "p1", "p2", "p3")}
    body, left = plan(
        hosts,
        rnd.choice(["", "select: {other: false}", "select: {untested: other_start}"]),
        ("t1", "t2"),
        ("p1", "p2", "p3"),
    )
    takes = {name: host_lines(body, hosts[name], [item for item in left if item["host"] == name])[0] for name in hosts}
    used = {(line["package"], line["action"], line["version"]) for lines in takes.values() for line in lines}
    assert used == {(line["package"], line["action"], line["version"]) for line in body["lines"]}
    for name, lines in takes.items():
        offered = {item["name"] for item in hosts[name]["sections"]["candidates"]}
        out = {item["package"] for item in left if item["host"] == name and not item["taken"]}
        assert {line["package"] for line in lines} == offered - out
        assert host_lines(body, patched(hosts[name], lines), [item for item in left if item["host"] == name])[0] == []


def test_select_closes_takes_what_one_host_needs_on_all_hosts_of_its_platform() -> None:
    states = {host: state(candidate("openssl"), candidate("vim")) for host in ("t1", "p1")}
    body, left = build_plan(
        "default", policy(), scope(["t1"], ["p1"]), states, {}, NOW, closing={"p1": {"openssl"}, "t1": set()}
    )
    assert {line["package"] for line in body["lines"]} == {"openssl"}
    assert {(entry["host"], entry["package"], entry["why"]) for entry in left} == {
        ("t1", "vim", "not_selected"),
        ("p1", "vim", "not_selected"),
    }

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Questions about the fleet's software."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import ranges
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.software import Query, count, items_of, select


def package(name: str, version: str, source: str = "", vendor: str = "Debian") -> dict[str, Any]:
    row = {"name": name, "version": version, "arch": "amd64", "source": source or name, "source_version": version}
    return {**row, "auto": False, "status": "installed", "vendor": vendor}


def used(running: bool, mapped: bool, exposed: str) -> dict[str, Any]:
    return {"running": running, "mapped": mapped, "listening": [], "exposed": exposed}


def state(**sections: Any) -> dict[str, Any]:
    system = {"os": {"id": "debian", "version": "12"}, "manager": {"name": "apt"}}
    return {"meta": {"look_ms": 5, "parts_ms": {}, "imported": None}, "sections": {**system, **sections}}


WEB = state(
    packages=[package("libssl3", "3.0.9-1", "openssl"), package("nginx", "1.22-1"), package("vim", "9-1")],
    candidates=[{"name": "libssl3", "arch": "amd64", "version": "3.0.11-1"}],
    use={
        "packages": {"nginx": used(True, True, "network"), "libssl3": used(False, True, "network")},
        "complete": True,
    },
    languages=[{"kind": "pip", "name": "flask", "version": "2.0rc1", "path": "/x"}],
    containers=[
        {
            "engine": "podman",
            "images": [{"id": "ab" * 32, "names": ["quay.io:5000/a/b:1.2"], "digests": []}],
            "running": [{"name": "x", "image": "quay.io:5000/a/b:1.2", "image_id": "ab" * 32}],
            "problem": None,
        }
    ],
)
OLD = state(packages=[package("libssl3", "3.0.10-1", "openssl", "Acme")], candidates={"unknown": "stale"})


def found(**query: Any) -> list[tuple[str, str, str]]:
    items = items_of("web", WEB) + items_of("old", OLD)
    return [(item.host, item.name, item.version) for item in select(items, Query(**query))]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"names": ("OPENSSL",)}, ["web libssl3", "old libssl3"]),
        ({"names": ("nginx", "fl*")}, ["web nginx", "web flask"]),
        ({"vendor": "ac*"}, ["old libssl3"]),
        ({"version": ">=3.0.10, <3.1"}, ["old libssl3"]),
        ({"version": "3.0.*"}, ["web libssl3", "old libssl3"]),
        ({"in_use": "yes"}, ["web libssl3", "web nginx", "web quay.io:5000/a/b"]),
        ({"in_use": "no"}, ["web vim"]),
        ({"in_use": "unknown"}, ["web flask", "old libssl3"]),
        ({"kinds": ("pip",)}, ["web flask"]),
    ],
)
def test_what_is_asked_for(query: dict[str, Any], names: list[str]) -> None:
    assert [f"{host} {name}" for host, name, _version in found(**query)] == names


def test_use_is_unknown_where_the_look_did_not_see_every_process() -> None:
    partly = state(packages=[package("vim", "9-1")], use={"packages": {}, "complete": False, "reason": "x"})
    assert [item.in_use for item in items_of("a", partly)] == ["unknown"]


def test_installations_by_version_and_the_newest_known() -> None:
    items = select(items_of("web", WEB) + items_of("old", OLD), Query(names=("libssl3",)))
    (row,) = count(items)
    assert (row["hosts"], row["in_use"], row["use_unknown"], row["newest"]) == (2, 1, 1, "3.0.11-1")
    assert [(each["version"], each["names"], each["newest"]) for each in row["versions"]] == [
        ("3.0.10-1", ["old"], False),
        ("3.0.9-1", ["web"], False),
    ]


def test_what_cannot_be_compared_has_no_newest() -> None:
    (row,) = count(items_of("a", state(packages=[package("x", "not a version")])))
    assert row["newest"] is None and row["versions"][0]["newest"] is None


@pytest.mark.parametrize(
    ("kind", "older", "newer"),
    [
        ("deb", "1.0~rc1", "1.0"),
        ("deb", "3.0.9-1", "3.0.10-1"),
        ("rpm", "1.0-1", "1:0.1-1"),
        ("pip", "2.0rc1", "2.0"),
        ("pip", "2.0.dev1", "2.0a1"),
        ("pip", "2.0", "2.0.post1"),
        ("pip", "2.9", "2.10"),
        ("npm", "1.0.0-rc.1", "1.0.0"),
        ("gem", "1.0.rc1", "1.0"),
        ("snap", "v1.9", "v1.10"),
    ],
)
def test_each_kind_has_its_order(kind: str, older: str, newer: str) -> None:
    how = ranges.scheme(kind)
    assert ranges.order(older, how) < ranges.order(newer, how)
    assert ranges.parse(f"<{newer}").holds(older, how) and not ranges.parse(f">={newer}").holds(older, how)


@pytest.mark.parametrize("text", [">>2", ">=", "1 2", "<1 >2", ","])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ValueError, match="no version range"):
        ranges.parse(text)


def test_a_version_that_cannot_be_compared_is_in_no_ordered_range() -> None:
    assert not ranges.parse(">=0").holds("garbage!", "deb") and not ranges.parse("<9").holds("garbage!", "deb")

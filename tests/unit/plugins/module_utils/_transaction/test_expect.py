# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._model.deb_version import newer
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import (
    Installed,
    Line,
    Pin,
    Snapshot,
    Step,
)
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.expect import (
    Expected,
    expect,
    expect_back,
    judge,
    judge_back,
)


def line(name: str, version: str | None, action: str = "upgrade", arch: str = "amd64") -> Line:
    return Line("p", name, arch, action, [], version, name, version or "", "", "", "", "", True, None, 1, "0" * 64)


def package(version: str, held: bool = False, state: str = "installed", relations: tuple[str, ...] = ()) -> Installed:
    return Installed(version, held, state, 1, set(relations))


HAVE = {("libc", "amd64"): package("1"), ("app", "amd64"): package("1"), ("doc", "all"): package("1")}


def wanted(lines: list[Line], have: Any = None, skip: Any = (), pinned: Any = None) -> Expected:
    snapshot = Snapshot(HAVE if have is None else have, set(), [], "amd64", "all")
    return expect(lines, snapshot, list(skip), pinned or {}, newer)


@pytest.mark.parametrize(
    ("given", "must", "may", "newer_names"),
    [
        (line("libc", "2"), ["libc"], [], []),
        (line("libc", "1"), [], [], []),
        (line("libc", "0.9"), [], [], ["libc"]),
        (line("absent", "2"), [], [], []),
        (line("kernel", "2", "install"), [], ["kernel"], []),
        (line("libc", "2", "install"), ["libc"], [], []),
        (line("doc", "2", arch="all"), ["doc"], [], []),
        (line("doc", "2", arch="amd64"), ["doc"], [], []),
        (line("doc", "2", arch="i386"), [], [], []),
    ],
)
def test_what_a_line_means_here(given: Line, must: list[str], may: list[str], newer_names: list[str]) -> None:
    found = wanted([given])
    assert [key[0] for key in found.must] == must
    assert [key[0] for key in found.may] == may
    assert [each["name"] for each in found.newer] == newer_names
    assert len(found.offered) == len(must) + len(may)


def test_half_installed_version_of_the_plan_is_not_there_yet() -> None:
    have = {("libc", "amd64"): package("2", state="half-installed")}
    assert list(wanted([line("libc", "2")], have).must) == [("libc", "amd64")]


def test_newest_of_two_versions_is_taken() -> None:
    assert [each.version for each in wanted([line("libc", "2"), line("libc", "10")]).offered] == ["10"]


@pytest.mark.parametrize(
    ("have", "skip", "pinned", "why"),
    [
        (package("1", held=True), [], {}, "held"),
        (package("1"), [{"name": "libc", "arch": "amd64", "why": "phased for others"}], {}, "phased for others"),
        (package("1"), [{"name": "libc", "arch": "i386", "why": "other"}], {}, None),
        (package("1"), [], {"libc": Pin("pinned by the admin", "1")}, "pinned by the admin"),
        (package("1"), [], {"libc": Pin("pinned by the admin", None)}, "pinned by the admin"),
        (package("1"), [], {"libc": Pin("pinned to what the plan has", "2")}, None),
        (package("1"), [], {"libc": Pin("pinned to something newer", "3")}, None),
    ],
)
def test_what_the_admin_keeps_is_left_out(have: Installed, skip: Any, pinned: Any, why: str | None) -> None:
    found = wanted([line("libc", "2")], {("libc", "amd64"): have}, skip, pinned)
    assert [each.why for each in found.withheld] == ([why] if why else [])
    assert bool(found.offered) is (why is None)


def steps(*given: tuple[str, str, str | None, str | None]) -> list[Step]:
    return [Step(action, name, "amd64", old, new) for action, name, old, new in given]


@pytest.mark.parametrize(
    ("given", "unexpected"),
    [
        (steps(("upgrade", "libc", "1", "2")), []),
        (steps(("upgrade", "libc", "1", "3")), ["would upgrade libc:amd64 1 to 3"]),
        (steps(("upgrade", "libc", "1", "2"), ("upgrade", "app", "1", "2")), ["would upgrade app:amd64 1 to 2"]),
        (steps(("upgrade", "libc", "1", "2"), ("install", "dep", None, "2")), []),
        (steps(("upgrade", "libc", "1", "2"), ("install", "x", None, "2")), ["would install x:amd64 (none) to 2"]),
        (steps(("upgrade", "libc", "1", "2"), ("remove", "app", "1", None)), ["would remove app:amd64 1"]),
        (steps(("upgrade", "libc", "1", "2"), ("remove", "old", "1", None)), []),
        (steps(("downgrade", "libc", "3", "2")), ["would downgrade libc:amd64 3 to 2"]),
    ],
)
def test_anything_but_the_plan_is_unexpected(given: list[Step], unexpected: list[str]) -> None:
    have = {**HAVE, ("old", "amd64"): package("1")}
    found = wanted([line("libc", "2"), line("dep", "2", "install"), line("old", None, "remove")], have)
    assert judge(found, given, {}).unexpected == unexpected


def test_kept_back_needs_an_explanation() -> None:
    have = {**HAVE, ("libx", "amd64"): package("1", held=True), ("top", "amd64"): package("1")}
    found = wanted([line("libx", "2"), line("libc", "2"), line("app", "2"), line("top", "2")], have)
    relations = {"app": {"libx"}, "top": {"app"}, "libc": set[str]()}
    verdict = judge(found, [], relations)
    assert {each.name: each.why for each in verdict.kept} == {
        "app": "kept back with libx, which is held",
        "top": "kept back with app, which is held",
    }
    assert [each.package for each in verdict.missing] == ["libc"]


def test_a_held_package_that_needs_the_old_version_explains_it_too() -> None:
    have = {**HAVE, ("dev", "amd64"): package("1", held=True)}
    verdict = judge(wanted([line("dev", "2"), line("libc", "2")], have), [], {"dev": {"libc"}})
    assert [each.name for each in verdict.kept] == ["libc"]
    assert verdict.missing == []


def back(name: str, version: str | None, of: list[str], action: str = "downgrade") -> Line:
    return line(name, version, action)._replace(from_versions=of)


@pytest.mark.parametrize(
    ("given", "must", "remove", "withheld"),
    [
        (back("app", "0.9", ["1"]), ["app"], [], ""),
        (back("app", "1", ["2"]), [], [], ""),
        (back("app", "0.9", ["2"]), [], [], "it is 1 now, which the plan did not install"),
        (back("app", None, ["1"], "remove"), [], ["app"], ""),
        (back("absent", None, ["1"], "remove"), [], [], ""),
        (back("absent", "1", [], "install"), ["absent"], [], ""),
        (back("absent", "1", ["2"]), [], [], "it is not installed any more"),
        (back("held", "0.9", ["1"]), [], [], "held"),
    ],
)
def test_the_way_back_begins_only_where_the_plan_has_ended(
    given: Line, must: list[str], remove: list[str], withheld: str
) -> None:
    snapshot = Snapshot({**HAVE, ("held", "amd64"): package("1", held=True)}, set(), [], "amd64", "all")
    found = expect_back([given], snapshot)
    assert [key[0] for key in found.must] == must and [key[0] for key in found.remove] == remove
    assert [each.why for each in found.withheld] == ([withheld] if withheld else [])


def test_a_way_back_that_does_more_or_less_is_named() -> None:
    lines = [back("app", "0.9", ["1"]), back("libc", None, ["1"], "remove")]
    expected = expect_back(lines, Snapshot(HAVE, set(), [], "amd64", "all"))
    right = [Step("downgrade", "app", "amd64", "1", "0.9"), Step("remove", "libc", "amd64", "1", None)]
    assert judge_back(expected, right) == []
    assert judge_back(expected, right[:1]) == ["would leave libc:amd64 as it is"]
    assert judge_back(expected, [*right, Step("remove", "doc", "all", "1", None)]) == ["would remove doc:all 1"]
    assert "would upgrade app:amd64 to 2" in judge_back(expected, [Step("upgrade", "app", "amd64", "1", "2")])

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What rpm and dnf wrote on lab hosts, parsed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Offered
from ansible_collections.lockstep.patching.plugins.module_utils._parse import dnf_history, dnf_settings, rpm_output

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures" / "rpm"


def read(name: str) -> str:
    return (FIXTURES / name).read_text(encoding="utf-8")


def test_failed_scripts_are_named_with_what_they_said() -> None:
    (post,) = rpm_output.parse_scripts(read("transaction-post-failed.txt"))
    assert (post.package, post.script, post.status) == ("lab-broken-1.2-1.noarch", "%post", "1")
    assert post.lines[0] == "lab-broken: the script fails on purpose"
    (pre,) = rpm_output.parse_scripts(read("transaction-pre-failed.txt"))
    assert (pre.package, pre.script, pre.status, pre.lines[0]) == ("lab-plain-1.2-1.noarch", "%prein", "3", "no way")
    assert rpm_output.parse_scripts(read("transaction-rpmnew.txt")) == []


def test_configuration_files_that_stay() -> None:
    assert rpm_output.parse_kept(read("transaction-rpmnew.txt")) == [
        {"path": "/etc/lab-conf.conf", "new": "/etc/lab-conf.conf.rpmnew", "by": "rpm"}
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lab-conf\nnoarch\n1.2-1\n2048\nrpmlib(FileDigests)\n", Offered("lab-conf", "noarch", "1.2-1", 2, set())),
        ("a\nx86_64\n0:1-2\n0\nglibc\n/bin/sh\n", Offered("a", "x86_64", "1-2", 0, {"glibc"})),
        ("a\nx86_64\n3:1-2\n0\n", Offered("a", "x86_64", "3:1-2", 0, set())),
    ],
)
def test_what_a_package_says_of_itself(text: str, expected: Offered) -> None:
    assert rpm_output.parse_package(text) == expected


@pytest.mark.parametrize("text", ["", "a\nnoarch\n1-1\n", "a\n\n1-1\n5\n", "a\nnoarch\n1-1\nmany\n"])
def test_a_package_that_says_too_little(text: str) -> None:
    with pytest.raises(ValueError, match="does not tell"):
        rpm_output.parse_package(text)


def test_history_pairs_what_came_with_what_went() -> None:
    events = dnf_history.events(json.loads(read("dnf-history.json")))
    assert events[0] == {
        "ms": 1795234784000, "name": "lab-app", "arch": "noarch", "action": "install", "old": None, "new": "1.0-1",
    }  # fmt: skip
    last = events[-1]
    assert (last["name"], last["action"], last["old"], last["new"]) == ("lab-conf", "upgrade", "1.1-1", "1.2-1")
    assert sum(each["action"] == "upgrade" for each in events) == 11
    rows = [(7, 5, 8, "old", "noarch", 1, "2", "3"), (7, 5, 5, "gone", "x86_64", 0, "2", "3")]
    assert [(each["action"], each["old"], each["new"]) for each in dnf_history.events(rows)] == [
        ("remove", "1:2-3", None),
        ("remove", "2-3", None),
    ]


def test_locks_and_excludes_say_where_they_stand() -> None:
    locks = dnf_settings.parse_versionlock("# a comment\nlab-web-0:1.0-1.*\n!lab-app-0:1.2-1.*\n\n", "/v")
    assert [(each.kind, each.pattern, each.where) for each in locks] == [
        ("lock", "lab-web-0:1.0-1.*", "/v:2"),
        ("exclude", "lab-app-0:1.2-1.*", "/v:3"),
    ]
    text = "[main]\nexcludepkgs = lab-pl*, kernel*\n  php\nbest=False\n[repo]\nincludepkgs=a b\n"
    assert [(each.kind, each.pattern, each.where) for each in dnf_settings.parse_excludes(text, "/c")] == [
        ("exclude", "lab-pl*", "/c:2"),
        ("exclude", "kernel*", "/c:2"),
        ("exclude", "php", "/c:2"),
        ("include", "a", "/c:6"),
        ("include", "b", "/c:6"),
    ]


@pytest.mark.parametrize(
    ("pattern", "version", "expected"),
    [
        ("lab-web", "1.0-1", True),
        ("lab-*", "1.0-1", True),
        ("lab-web.noarch", "1.0-1", True),
        ("lab-web-0:1.0-1.*", "1.0-1", True),
        ("lab-web-1.0", "1.0-1", True),
        ("lab-web-2:1.0-1", "2:1.0-1", True),
        ("lab-web-1.1", "1.0-1", False),
        ("lab", "1.0-1", False),
        ("lab-web.x86_64", "1.0-1", False),
    ],
)
def test_forms_of_a_pattern(pattern: str, version: str, expected: bool) -> None:
    assert dnf_settings.matches(pattern, "lab-web", "noarch", version) is expected


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("lab-web-0:1.0-1.*", "lab-web", True),
        ("lab-web-0:1.0-1.*", "lab", False),
        ("lab-web-1.0-1", "lab-web", True),
        ("lab-web-1.0*", "lab-web", True),
        ("lab-web.noarch", "lab-web", True),
        ("lab-web-0:1.0-1.*", "lab-app", False),
        ("lab-web", "lab-web", True),
    ],
)
def test_the_name_that_a_lock_is_about(pattern: str, name: str, expected: bool) -> None:
    assert dnf_settings.names(pattern, name) is expected

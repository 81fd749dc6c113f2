# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Recorded output of the real pacman (tests/fixtures/pacman/README.md says how it was made)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Line
from ansible_collections.lockstep.patching.plugins.module_utils._parse import pacman_output as parse

FIXTURES = Path(__file__).parents[4] / "fixtures" / "pacman"


def read(name: str) -> str:
    return (FIXTURES / name).read_text()


def local(*names: str) -> dict[str, parse.Fields]:
    """A local database of these packages in version 1.0-1, with the recorded description of one."""
    text = read("desc.txt").replace("lab-app", "{0}").replace("1.1-1", "1.0-1").replace("lab-lib=1.1", "lab-lib=1.0")
    return {f"{name}-1.0-1": parse.parse_desc(text.replace("{0}", name)) for name in names}


def have(*names: str, options: parse.Fields | None = None, **notes):
    return parse.snapshot(local(*names), options or {}, notes.get("failed", {}), notes.get("changing", {}), [])


def test_targets() -> None:
    rows = parse.parse_targets(read("upgrade.txt"))
    assert [row.name for row in rows] == ["lab-lib", "lab-app", "lab-broken", "lab-new", "lab-plain"]
    assert rows[0] == parse.Target(
        name="lab-lib",
        version="1.1-1",
        arch="any",
        base="lab-lib",
        built_ms=1795232838000,
        repository="lab",
        filename="lab-lib-1.1-1-any.pkg.tar.gz",
        sha256="b4d2d850251ded7f21d2dc5ee66ca2a8c4f58e82531478882fd74f3a3c6a89ad",
        size=1073,
        replaces=[],
        conflicts=[],
    )
    assert (rows[3].replaces, rows[3].conflicts) == (["lab-conf"], ["lab-conf"])
    assert parse.parse_targets("error: something\n:: Proceed? [Y/n]\n") == []


def test_an_upgrade_that_replaces_a_package_removes_it() -> None:
    before = have("lab-lib", "lab-app", "lab-broken", "lab-conf", "lab-plain")
    rows = parse.candidates(parse.parse_targets(read("upgrade.txt")), [], before)
    assert [(row.name, row.action, row.installed, row.version, row.security, row.kept_back) for row in rows] == [
        ("lab-app", "upgrade", "1.0-1", "1.1-1", None, None),
        ("lab-broken", "upgrade", "1.0-1", "1.1-1", None, None),
        ("lab-conf", "remove", "1.0-1", None, False, None),
        ("lab-lib", "upgrade", "1.0-1", "1.1-1", None, None),
        ("lab-new", "install", None, "1.0-1", None, None),
        ("lab-plain", "upgrade", "1.0-1", "1.1-1", None, None),
    ]
    steps = parse.steps(parse.parse_targets(read("upgrade.txt")), before)
    assert ("remove", "lab-conf", "any", "1.0-1", None) in steps
    assert ("install", "lab-new", "any", None, "1.0-1") in steps


def test_what_is_ignored_and_what_depends_on_it_is_kept_back() -> None:
    settings = parse.parse_settings(read("pacman-conf.txt"))
    assert set(settings) == {"options", "lab"}
    assert settings["options"]["IgnorePkg"] == ["lab-l*", "other"]
    assert parse.lacking(read("lacking.txt")) == {"lab-app"}
    assert parse.parse_upgradable(read("upgradable.txt")) == [
        "lab-app", "lab-broken", "lab-conf", "lab-lib", "lab-plain",
    ]  # fmt: skip
    before = have("lab-lib", "lab-app", options=settings["options"])
    assert before.holds == {("lab-lib", "any")}
    kept = [row for row in parse.parse_targets(read("upgrade.txt")) if row.name in ("lab-lib", "lab-app")]
    assert [(row.name, row.kept_back) for row in parse.candidates([], kept, before)] == [
        ("lab-app", "pacman cannot satisfy what it needs"),
        ("lab-lib", "IgnorePkg or IgnoreGroup in pacman.conf"),
    ]
    held = parse.holds(local("lab-lib", "lab-app"), settings["options"])
    assert [(row.name, row.kind, row.where) for row in held] == [("lab-lib", "hold", "pacman.conf: IgnorePkg")]


def test_private_settings_keep_all_but_repositories_and_what_is_ignored() -> None:
    conf = parse.private_conf(parse.parse_settings(read("pacman-conf.txt"))["options"])
    assert "DBPath = /var/lib/pacman/\n" in conf
    assert "HoldPkg = pacman\n" in conf
    assert "Ignore" not in conf
    assert conf.count("[") == 2
    assert "[plan]" in conf


def test_a_failing_scriptlet_is_found_although_pacman_goes_on() -> None:
    said = parse.said(read("install-broken.txt"))
    assert [(each.package, each.script) for each in said.failures] == [("lab-broken", "scriptlet")]
    assert said.failures[0].lines[0] == "lab-broken: the script fails on purpose"
    assert said.errors == ["error: command failed to execute correctly"]
    assert not said.out_of_space
    assert parse.parse_kept_files(read("install-broken.txt")) == [("/etc/lab-conf.conf", "/etc/lab-conf.conf.pacnew")]
    note = parse.still_failed(
        {"old": ["1-1", 1.0]}, [["lab-broken", "1.1-1"], ["lab-lib", "1.1-1"]], said.failures, 9.0
    )
    assert note == {"old": ["1-1", 1.0], "lab-broken": ["1.1-1", 9.0]}
    assert parse.still_failed(note, [["lab-broken", "1.1-1"]], [], 9.0) == {"old": ["1-1", 1.0]}


def test_a_hook_that_fails_after_the_last_package() -> None:
    text = "upgrading lab-lib...\n:: Running post-transaction hooks...\n(1/1) Arming things...\noops\n"
    found = parse.parse_failures(text + "error: command failed to execute correctly\n")
    assert [(each.package, each.lines[0]) for each in found] == [("hook Arming things...", "oops")]


def test_what_pacman_forgets_is_remembered() -> None:
    installed = int(local("lab-app")["lab-app-1.0-1"]["INSTALLDATE"][0])
    failed = have("lab-app", failed={"lab-app": ("1.0-1", installed + 1.0)})
    assert failed.trouble == ["lab-app:any scriptlet failed"]
    assert have("lab-app", failed={"lab-app": ("1.0-1", installed - 1.0)}).trouble == []  # installed anew since
    assert have("lab-app", failed={"lab-app": ("0.9-1", installed + 1.0)}).trouble == []  # another version
    lost = have("lab-app", changing={"lab-lib": ["any", "1.0-1"], "lab-app": ["any", "0.9-1"]})
    assert lost.trouble == ["lab-lib:any lost"]
    assert lost.installed[("lab-lib", "any")].version == "1.0-1"
    rows = {row.name: row.status for row in parse.packages(local("lab-app") | {"lab-x-1:2-3": {}}, lost)}
    assert rows == {"lab-app": "installed", "lab-lib": "lost", "lab-x": "without description"}


def test_log() -> None:
    rows = parse.parse_log(read("pacman.log"))
    assert [(row[1], row[2], row[3], row[4]) for row in rows[-7:]] == [
        ("lab-broken", "install", None, "1.0-1"),
        ("lab-lib", "upgrade", "1.0-1", "1.1-1"),
        ("lab-app", "upgrade", "1.0-1", "1.1-1"),
        ("lab-conf", "upgrade", "1.0-1", "1.1-1"),
        ("lab-broken", "upgrade", "1.0-1", "1.1-1"),
        ("lab-plain", "upgrade", "1.0-1", "1.1-1"),
        ("lab-plain", "remove", "1.1-1", None),
    ]
    line = "[2026-01-01T01:30:00+0130] [ALPM] upgraded a (1-1 -> 2-1)"
    assert parse.parse_log(line) == [(1767225600000, "a", "upgrade", "1-1", "2-1")]


@pytest.mark.parametrize(
    ("name", "state", "says"),
    [
        ("sync-unreachable.txt", "unreachable", "Could not connect to server"),
        ("sync-html.txt", "unsigned", 'signature from "Lockstep lab <lab@localhost>" is invalid'),
        ("sync-gone.txt", "unreachable", "failed retrieving file 'lab.db' from disk"),
    ],
)
def test_what_a_fetch_says_of_a_repository(name: str, state: str, says: str) -> None:
    problem = parse.about("\n".join(parse.errors(read(name))), "lab", 2)
    found = parse.index("lab", [], ["PackageRequired"], 1, 1, False, problem)
    assert (found.state, found.signed) == (state, True)
    assert says in str(found.problem)
    assert parse.about(problem, "extra", 2) == ""


@pytest.mark.parametrize(
    ("keys", "levels", "dated", "old", "state"),
    [
        (["F" * 40], [], 1, False, "ok"),
        ([], ["PackageRequired", "DatabaseOptional"], 1, False, "ok"),
        ([], ["PackageRequired", "PackageTrustAll"], 1, False, "unsigned"),
        ([], ["PackageOptional"], 1, False, "unsigned"),
        ([], [], None, False, "missing"),
        (["F" * 40], [], 1, True, "stale"),
    ],
)
def test_index_states(keys: list[str], levels: list[str], dated: int | None, old: bool, state: str) -> None:
    assert parse.index("core", keys, levels, dated, 1, old, "").state == state


def test_a_package_file_and_its_entry_in_an_index() -> None:
    text = read("PKGINFO.txt")
    found = parse.offered(text)
    assert (found.name, found.version, found.arch, found.relations) == ("lab-app", "1.1-1", "any", {"lab-lib"})
    for bad in ("", "pkgname = x\n", text.replace("size = ", "size = x")):
        with pytest.raises(ValueError, match="says"):
            parse.offered(bad)
    empty = dict.fromkeys(Line._fields, "")
    line = Line(**dict(empty, package="lab-app", version="1.1-1", arch="any", sha256="a" * 64, size=5))
    ((name, desc),) = parse.sync_database([(line, text)]).items()
    fields = parse.parse_desc(desc)
    assert name == "lab-app-1.1-1/desc"
    assert (fields["DEPENDS"], fields["SHA256SUM"], fields["BASE"]) == (["lab-lib=1.1"], ["a" * 64], ["lab-app"])


@pytest.mark.parametrize(
    ("spec", "hit"),
    [
        ("a", True),
        ("b", False),
        ("a<2", True),
        ("a<1", False),
        ("a>=1.0-1", True),
        ("a=1.0-1", True),
        ("a>1.0-1", False),
    ],
)
def test_what_a_relation_means(spec: str, hit: bool) -> None:
    assert parse.hits(spec, "a", "1.0-1") is hit

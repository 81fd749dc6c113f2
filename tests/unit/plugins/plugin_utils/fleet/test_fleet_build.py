# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Source file and exports to hosts, variables and groups."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.build import Built, Other, build
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.inputs import read_input
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.live import live
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.names import GroupNames, bad_name
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.problems import InventoryError
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.source import Source, read_source
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.deadlines import Deadlines
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.overview import Known

NOW, DAY = 1_800_000_000_000, 86_400_000
OS = {"os": "debian", "version": "12", "arch": "amd64"}
ANSWER = {"supported": True, "pending": 3, "security": 1, "reboot": "yes"}
SOURCE = """\
plugin: lockstep.patching.fleet
sources:
  - file: cmdb.csv
    fields: {name: host, address: ip, service: {from: services, split: "+"}, class: kind, rack: rack}
    where: "cmdb.rack != 'gone'"
ranges:
  - {range: 10.0.0.0/8, site: berlin}
rules:
  class: [{when: "contains(groups, 'phones')", is: mobile}]
  criticality: [{when: "contains(service, 'pay')", is: high}, {is: normal}]
  ring:
    - {when: "criticality == 'high'", is: last}
    - {when: "site == 'berlin'", is: pre-prod}
"""
CSV = """\
host,ip,services,kind,rack
web1,10.0.0.1,shop+pay,,R1
web2,10.0.0.2,shop,,R2
web3,,,,
old,10.0.0.9,,,gone
sw1,10.0.0.3,,network,
"""


def known(age_ms: int = 0, error: str | None = None, **answer: object) -> Known:
    return Known(NOW - age_ms, NOW, error, "debian-12-amd64-1", OS, {**ANSWER, **answer})


def built(
    text: str = SOURCE,
    csv: str = CSV,
    others: dict | None = None,
    ledger: dict | None = None,
    deadlines: dict | None = None,
) -> Built:
    source: Source = read_source(text, "s")
    hosts, _locate = read_input(source.inputs[0], csv, "c") if source.inputs else ([], None)
    exported = {listed.document["name"]: (listed.document, 7) for listed in hosts}
    return build(source, exported, others or {}, ledger or {}, deadlines or {}, NOW)


def of(result: Built, name: str) -> tuple[dict, set[str]]:
    entry = next(entry for entry in result.entries if entry.name == name)
    return entry.variables, set(entry.groups)


def test_a_host_has_its_groups_and_variables() -> None:
    result = built(ledger={"web1": known()})
    variables, groups = of(result, "web1")
    assert groups == {
        "criticality_high",
        "site_berlin",
        "service_shop",
        "service_pay",
        "ring_last",
        "os_debian",
        "os_debian_12",
        "platform_debian_12_amd64_1",
        "state_security_pending",
        "state_reboot_needed",
    }
    assert variables == {
        "lockstep_criticality": "high",
        "lockstep_service": ["shop", "pay"],
        "lockstep_site": "berlin",
        "lockstep_ring": "last",
        "lockstep_platform": "debian-12-amd64-1",
        "lockstep_cmdb": {"rack": "R1"},
        "lockstep_managed": True,
        "lockstep_os": "debian 12",
        "lockstep_known": True,
        "lockstep_security": 1,
        "lockstep_pending": 3,
        "lockstep_reboot_needed": "yes",
        "lockstep_overdue": None,
        "lockstep_excepted": None,
        "lockstep_due_ms": None,
        "lockstep_seen_ms": NOW,
        "lockstep_tried_ms": NOW,
        "lockstep_cmdb_ms": 7,
    }


def test_who_matches_no_ring_rule_is_unassigned_and_who_is_not_patched_is_unmanaged() -> None:
    result = built()
    assert of(result, "web3")[1] == {"criticality_normal", "unassigned", "state_unknown", "never_reached"}
    assert of(result, "sw1")[1] == {"criticality_normal", "class_network", "site_berlin", "unmanaged"}
    assert of(result, "sw1")[0]["lockstep_managed"] is False
    assert "old" not in {entry.name for entry in result.entries}
    assert {"ring_last", "ring_pre_prod", "unassigned", "state_stale", "not_in_cmdb"} <= set(result.groups)


def test_hosts_of_other_sources_take_part_and_are_told_apart() -> None:
    others = {"web1": Other(["phones"], {}), "more": Other(["ring_old"], {}), "lost": Other([], {})}
    result = built(others=others)
    assert {"class_mobile", "unmanaged"} <= of(result, "web1")[1] and "ring_last" not in of(result, "web1")[1]
    assert "not_in_cmdb" in of(result, "more")[1] and "unassigned" not in of(result, "more")[1]
    assert {"not_in_cmdb", "unassigned"} <= of(result, "lost")[1]
    alone = built(SOURCE + "others: false\n", others=others)
    assert {entry.name for entry in alone.entries} == {"web1", "web2", "web3", "sw1"}


def test_rules_may_read_the_variables_of_other_sources() -> None:
    text = "plugin: lockstep.patching.fleet\nrules: {owner: [{when: \"vars.app == 'x'\", is: us}]}\n"
    assert read_source(text, "s").reads_vars
    assert of(built(text, others={"a": Other([], {"app": "x"})}), "a")[0]["lockstep_owner"] == "us"
    assert not read_source(SOURCE, "s").reads_vars


@pytest.mark.parametrize(
    ("state", "fields", "groups"),
    [
        (known(), (True, 1, "yes"), ["state_security_pending", "state_reboot_needed"]),
        (known(security=0, reboot="no"), (True, 0, "no"), []),
        (known(security=None, reboot="no"), (True, None, "no"), ["state_unknown"]),
        (known(security=0, reboot="unknown"), (True, 0, "unknown"), ["state_unknown"]),
        (known(security=0, reboot=None), (True, 0, "unknown"), ["state_unknown"]),
        (known(security=None, reboot=None, supported=False), (True, None, "unknown"), []),
        (known(age_ms=DAY), (True, 1, "yes"), ["state_security_pending", "state_reboot_needed"]),
        (known(age_ms=DAY + 1), (False, None, "unknown"), ["state_stale", "state_unknown"]),
        (known(error="Connection refused"), (False, None, "unknown"), ["state_unknown"]),
        (known(age_ms=-DAY), (False, None, "unknown"), ["state_unknown"]),
        (Known(None, NOW, "no route", None, {}, {}), (False, None, "unknown"), ["state_unknown", "never_reached"]),
    ],
)
def test_what_is_old_or_failed_is_unknown_and_never_fine(state: Known, fields: tuple, groups: list[str]) -> None:
    found = live(state, NOW, DAY)
    assert (found.fields["known"], found.fields["security"], found.fields["reboot"]) == fields
    assert found.groups == groups


@pytest.mark.parametrize(
    ("found", "groups"),
    [
        (Deadlines(3, 1, 0, NOW - 1), {"state_overdue"}),
        (Deadlines(3, 0, 2, NOW + 1), {"state_excepted"}),
        (Deadlines(3, 1, 2, NOW - 1), {"state_overdue", "state_excepted"}),
        (Deadlines(3, 0, 0, None), set()),
    ],
)
def test_deadlines_and_exceptions_of_findings(found: Deadlines, groups: set[str]) -> None:
    for ledger in ({"web1": known(security=0, reboot="no")}, {"web1": known(age_ms=9 * DAY)}, {}):
        variables, has = of(built(ledger=ledger, deadlines={"web1": found}), "web1")
        assert {group for group in has if group in ("state_overdue", "state_excepted")} == groups
        assert (variables["lockstep_overdue"], variables["lockstep_excepted"]) == (found.overdue, found.excepted)
        assert variables["lockstep_due_ms"] == found.due_ms


def test_two_values_that_share_a_group_are_told() -> None:
    result = built(csv="host,ip,services,kind,rack\na,,a b,,\nb,,a-b,,\n")
    assert result.notes == ["the group service_a_b stands for several values: a b, a-b"]
    assert GroupNames().of("site", "Zürich") == "site_Zurich"


HOSTILE = ["{{7+7}}", "=1+1", "<script>alert(1)</script>", "$(id)", "../etc", "a/../b", "host;id", "-rf", "ünï"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_carried_as_it_is(text: str) -> None:
    csv = f'host,ip,services,kind,rack\nweb1,,"{text}",,"{text}"\n'
    variables, groups = of(built(csv=csv), "web1")
    assert variables["lockstep_cmdb"] == {"rack": text} and variables["lockstep_service"] == text.split("+")
    assert all(group.replace("_", "a").isalnum() and group.isascii() for group in groups)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        ("a" * 254, "254 characters"),
        ("a\x1b[31m", "control characters"),
        ("a\u202eb", "control characters"),
        ("web*", "pattern"),
        ("web1,web2", "pattern"),
        ("!web1", "pattern"),
        ("~.*", "pattern"),
        ("web1:all", "pattern"),
        ("all[0]", "pattern"),
        ("two words", "pattern"),
        ("../../etc/passwd", "path"),
        ("/etc/passwd", "path"),
        ("all", "a group of the inventory"),
        ("ring_production", "a group of the inventory"),
        ("{{7+7}}", None),
        ("<b>x</b>", None),
        ("=1+1", None),
        ("2001:db8::1", None),
        ("web-1.example.org", None),
        ("..hidden", None),
    ],
)
def test_names_that_ansible_would_read_as_something_else(name: str, why: str | None) -> None:
    found = bad_name(name)
    assert found is None if why is None else why in str(found)


@pytest.mark.parametrize(
    ("row", "where", "what"),
    [
        ("web1,10.0.0.256,,,", "c:3:6", "'10.0.0.256' of the host web1 is no IPv4 or IPv6 address"),
        ("web0,10.0.0.1,,,", "c:3:1", "the host web0 is listed twice, first in line 2"),
        ("a b,,,,", "c:3:1", "'a b' cannot be a host's name"),
        ("web1,,,toaster,", "c:3:8", "'toaster' of the host web1 is none of server, database"),
        ("web1,,,," + "x" * 5000, "c:3:9", "'rack' has 5000 characters, and at most 4096 are read: xxx"),
        ('web1,,"a\nb",,"' + "x" * 5000 + '"', "c:4:5", "'rack' has 5000 characters"),
    ],
)
def test_a_bad_field_of_an_export_is_one_error_with_its_spot(row: str, where: str, what: str) -> None:
    with pytest.raises(InventoryError) as caught:
        built(csv="host,ip,services,kind,rack\nweb0,,,,\n" + row + "\n")
    assert str(caught.value).startswith(where + ": ") and what in str(caught.value)


JSON_SOURCE = """\
plugin: lockstep.patching.fleet
sources:
  - file: cmdb.json
    records: data.hosts
    fields: {name: fqdn, address: {query: "nics[0].ip"}, owner: {from: team, lower: true}, tags: tags}
"""


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_json_and_yaml_exports(kind: str) -> None:
    text = '{"data": {"hosts": [{"fqdn": "a", "nics": [{"ip": "10.0.0.1"}], "team": "WEB", "tags": ["x", "y"]}]}}'
    result = built(JSON_SOURCE.replace("cmdb.json", f"cmdb.{kind}"), text)
    entry = result.entries[0]
    assert (entry.name, entry.address, entry.variables["lockstep_owner"]) == ("a", "10.0.0.1", "web")
    assert entry.variables["lockstep_cmdb"] == {"tags": ["x", "y"]}


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ('{"data": {"host": []}}', "c:1:10", "there is no 'hosts' here; did you mean 'host'?"),
        ('{"data": {"hosts": {"a": {}}}}', "c:1:20", "a list of hosts is expected here; it has a"),
        (
            '{"data": {"hosts": [\n{"fqdn": "a", "team": "x"},\n 7]}}',
            "c:3:2",
            "each host of the list is keys and values",
        ),
        ('{"data": {"hosts": [{"fqdm": "a", "team": "x"}]}}', "c:1:21", "no host of the list has 'fqdn'; did you mean"),
        (
            '{"data": {"hosts": [\n{"fqdn": "a", "team": {"x": 1}, "tags": 1}]}}',
            "c:2:23",
            "'owner' is an object here; name a part of it with 'query'",
        ),
        ('{"data": {"hosts": [{"fqdn": "a","team":"","tags":1},\n{"fqdn": "a"}]}}', "c:2:10", "'a' is listed twice"),
    ],
)
@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_bad_export_in_json_or_yaml_is_one_error_with_its_spot(kind: str, text: str, where: str, what: str) -> None:
    with pytest.raises(InventoryError) as caught:
        built(JSON_SOURCE.replace("cmdb.json", f"cmdb.{kind}"), text)
    assert str(caught.value).startswith(where + ": ") and what.replace("'a' is", "the host a is") in str(caught.value)


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (("rules:", "ruls:"), "s:8:1:", "unknown key 'ruls'; did you mean 'rules'?"),
        (("is: mobile", "is: phone"), "s:9:", "must be one of server"),
        (("is: mobile", "in: mobile"), "s:9:", "unknown key 'in'"),
        (("'berlin'", "'berlin"), "s:13:23", "this rule does not compile"),
        (("site ==", "sight =="), "s:13:15", "no host has the field 'sight'"),
        (("cmdb.rack", "cmdb.rock"), "s:5:18", "no host has the field 'cmdb.rock'; did you mean 'rack'?"),
        (("10.0.0.0/8", "10.0.0.1/8"), "s:7:13", "did you mean 10.0.0.0/8?"),
        (("name: host, ", ""), "s:4:", "'name' is missing"),
        (("is: pre-prod", "share: 60%, is: a}\n    - {when: \"site == 'berlin'\", share: 50%, is: b"), "s:13:", "100%"),
        (("plugin: lockstep.patching.fleet", "plugin: [}"), "s:1:", "not valid YAML"),
    ],
)
def test_a_mistake_in_the_source_file_is_shown_by_line_and_column(change: tuple, where: str, what: str) -> None:
    assert change[0] in SOURCE
    with pytest.raises(InventoryError) as caught:
        read_source(SOURCE.replace(*change, 1), "s")
    assert str(caught.value).startswith(where) and what in str(caught.value)

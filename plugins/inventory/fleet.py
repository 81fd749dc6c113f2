# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: fleet
short_description: Hosts of CMDB exports and other inventory sources, grouped by what they are and how they stand
version_added: 0.1.0
description:
  - Reads exports of a CMDB (CSV, JSON, YAML), and the hosts that inventory sources before it have added.
  - Joins what the ledger knows of each host, assigns site, zone and exposure by address ranges, and class, service,
    owner, criticality and ring by ordered rules.
  - Makes the groups C(os_*), C(platform_*), C(class_*), C(site_*), C(zone_*), C(exposure_*), C(criticality_*),
    C(service_*), C(ring_*), C(state_security_pending), C(state_overdue), C(state_excepted), C(state_reboot_needed),
    C(state_stale), C(state_unknown), C(never_reached), C(not_in_cmdb), C(unmanaged), and C(unassigned) for managed
    hosts that no ring rule matches.
  - The name of the source file must end in C(fleet.yml) or C(fleet.yaml).
  - Everything is decided before the first host is added. A mistake in any file is an error with file, line and
    column, and nothing of this source is used then. Ansible itself goes on without a failed source; the playbooks of
    this collection stop. C(any_unparsed_is_failed = true) in the section C([inventory]) of C(ansible.cfg) makes all
    others stop too.
  - The values of exports are never templated.
author:
  - Lockstep maintainers (@lockstep)
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description:
      - Must be V(lockstep.patching.fleet).
    type: str
    required: true
    choices: [lockstep.patching.fleet]
  fleet:
    description:
      - Id of the fleet in the ledger, as the policy's C(fleet).
    type: str
    default: default
  ledger:
    description:
      - Path or URL of the ledger; V(false) leaves it out.
      - By default where the playbooks keep it. Where there is none yet, nothing is known of any host, and a message
        says so.
    type: raw
    env:
      - name: LOCKSTEP_LEDGER
    vars:
      - name: lockstep_ledger
  max_age:
    description:
      - How old a look at a host may be. What is older is unknown. Give it the value of the policy's C(looks.max_age).
    type: str
    default: 24h
  sources:
    description:
      - Exports of a CMDB. Paths are relative to the source file.
    type: list
    elements: dict
    default: []
    suboptions:
      file:
        description: Path of the export.
        type: path
        required: true
      format:
        description: By default what the end of the file's name says, otherwise C(csv).
        type: str
        choices: [csv, json, yaml]
      delimiter:
        description: Of a CSV file.
        type: str
        default: ","
      encoding:
        description: Of the file, as Python names it.
        type: str
        default: utf-8-sig
      records:
        description: Keys that lead to the list of hosts in JSON or YAML, joined by dots.
        type: str
      fields:
        description:
          - For each field of a host the column or key that has it.
            Or C({from, query, split, lower}) - a column, or a JMESPath expression over the record of a JSON or YAML
            file; the text that parts several values; whether to write it in lower case.
          - C(name) is required. C(address), C(class), C(criticality), C(owner), C(service), C(site), C(zone),
            C(exposure), C(ring), C(location), C(os) and C(os_version) are known; any other name is carried in the
            variable C(lockstep_cmdb).
        type: dict
        required: true
      where:
        description: A JMESPath condition over the mapped fields; other records are left out.
        type: str
  others:
    description:
      - Whether hosts that are in the inventory already take part too.
    type: bool
    default: true
  connect:
    description:
      - Whether the address of an export becomes C(ansible_host), where the host has none yet.
    type: bool
    default: true
  ranges:
    description:
      - Ranges of addresses, C({range, site, zone, exposure}), as prefix, single address or C(first-last).
      - The smallest range that holds an address wins; what it does not say, the larger ones around it say.
        What an export says of a host itself wins over ranges.
    type: list
    elements: dict
    default: []
  rules:
    description:
      - Lists of rules for C(class), C(service), C(owner), C(criticality) and C(ring), decided in this order. The
        first rule that holds wins, also over what an export says.
      - A rule has C(is) (the value) or C(from) (a JMESPath expression that gives it), C(when) (a JMESPath condition
        over the host's document, without it the rule holds for every host), and for rings C(share) (C(10%) or C(rest)).
    type: dict
    default: {}
  unmanaged:
    description:
      - Classes that are not patched by Lockstep. Their hosts are in the group C(unmanaged) and in no ring.
    type: list
    elements: str
    choices: [server, database, application, workstation, network, mobile]
    default: [network, mobile]
"""

EXAMPLES = r"""
# cmdb.fleet.yml
plugin: lockstep.patching.fleet
sources:
  - file: cmdb.csv
    delimiter: ";"
    fields: {name: Hostname, address: IP, owner: Owner, service: {from: Services, split: ","}}
ranges:
  - {range: 10.1.0.0/16, site: berlin, zone: office, exposure: internal}
  - {range: 10.1.9.0/24, zone: dmz, exposure: internet}
rules:
  criticality:
    - {when: "contains(service, 'payroll')", is: high}
    - {is: medium}
  ring:
    - {when: "starts_with(name, 'test')", is: test}
    - {when: "criticality == 'medium'", share: 20%, is: early}
    - {is: production}
"""

import os
import re
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.fleet_files import Exported, read_exports
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.fleet_ledger import known_hosts
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.inventory_sources import (
    note_failed,
    note_read,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.build import Built, Other, build
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.source import Source
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain

try:
    from ansible.template import trust_as_template  # since 2.19: a text is no template unless it is trusted
except ImportError:  # until 2.18: it is one unless it says that it is unsafe
    trust_as_template = None

INERT = re.compile(r"[\w .:@/+-]*")
"""Text that nothing can come of however it is evaluated: no braces, quotes, parentheses. It is left as plain text, so
that what `ansible-inventory` prints is plain too."""


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "lockstep.patching.fleet"

    def verify_file(self, path: str) -> bool:
        return super().verify_file(path) and path.endswith(("fleet.yml", "fleet.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        note_read(path)
        try:
            self._add(self._built(path, cache))
        except LockstepError as error:
            note_failed(path, error)
            raise AnsibleParserError(str(error)) from None  # a chain would say it twice

    def _built(self, path: str, cache: bool) -> Built:
        exports = Exported(path)
        source = exports.source
        self._read_config_data(path)
        hosts = self._exported(exports, path, cache)
        taken = sorted(set(hosts) & set(self.inventory.groups))
        if taken:
            raise LockstepError(
                f"the host {plain(taken[0], 100)} has the name of a group of another inventory source",
                path,
                "rename one of the two: a play for the host would reach the whole group",
            )
        known = known_hosts(self.get_option("ledger"), source.fleet, exports.now_ms)
        if known.said:
            self.display.warning(known.said)
        built = build(source, hosts, self._others(source), known.hosts, known.deadlines, exports.now_ms)
        for note in built.notes:
            self.display.warning(note)
        return built

    def _exported(self, exports: Exported, path: str, cache: bool) -> dict[str, Any]:
        """The hosts of the exports, from the inventory cache where it may be used and has them."""
        keeps = self.get_option("cache")
        key = self.get_cache_key(path)
        if keeps and cache:
            try:
                found = self._cache[key]
            except KeyError:
                found = None
            if found and found.get("source") == exports.digest:
                return {document["name"]: (document, written) for document, written in found["hosts"]}
        hosts = read_exports(exports)
        if keeps:
            # a list, since some caches sort the keys of what they keep
            self._cache[key] = {"source": exports.digest, "hosts": [list(entry) for entry in hosts.values()]}
        return hosts

    def _others(self, source: Source) -> dict[str, Other]:
        """Hosts that are here already, with their groups, and with their variables where a rule reads those."""
        found = {}
        for name, host in self.inventory.hosts.items():
            groups = [group.name for group in host.get_groups() if group.name not in ("all", "ungrouped")]
            variables: dict[str, Any] = {}
            if source.reads_vars:
                for group in sorted(host.get_groups(), key=lambda group: (group.depth, group.priority, group.name)):
                    variables.update(group.get_vars())
                variables.update(host.vars)
            found[str(name)] = Other(groups, _plain(variables))
        return found

    def _add(self, built: Built) -> None:
        """Put everything into the inventory; nothing here can go wrong half-way."""
        connect = self.get_option("connect")
        members: dict[str, list[Any]] = {group: [] for group in built.groups}
        marker = _Marker()
        hosts, mark, texts = self.inventory.hosts, marker.mark, marker.texts
        for entry in built.entries:
            if entry.name not in hosts:
                self.inventory.add_host(mark(entry.name))
            host = hosts[entry.name]
            if connect and entry.address and "ansible_host" not in host.vars:
                host.set_variable("ansible_host", mark(entry.address))
            # all of them at once: a call for each costs more than everything else here
            variables = host.vars
            for key, value in entry.variables.items():
                kind = type(value)
                if kind is str:
                    variables[key] = texts.get(value) or mark(value)
                else:
                    variables[key] = mark(value) if kind in (list, dict) else value
            for group in entry.groups:
                members.setdefault(group, []).append(host)
        for name, listed in members.items():
            group = self.inventory.groups[self.inventory.add_group(name)]
            for host in listed:
                group.add_host(host)
        self._construct(built)

    def _construct(self, built: Built) -> None:
        """Users' own Jinja, for those who ask for it."""
        compose, groups, keyed = (self.get_option(name) for name in ("compose", "groups", "keyed_groups"))
        if not (compose or groups or keyed):
            return
        strict = self.get_option("strict")
        for entry in built.entries:
            host = self.inventory.hosts[entry.name]
            self._set_composite_vars(compose, host.get_vars(), entry.name, strict)
            variables = host.get_vars()
            self._add_host_to_composed_groups(groups, variables, entry.name, strict, fetch_hostvars=False)
            self._add_host_to_keyed_groups(keyed, variables, entry.name, strict, fetch_hostvars=False)


class _Marker:
    """Values of exports as variables that are never templated; `texts` has those that were marked before."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def mark(self, value: Any) -> Any:
        if isinstance(value, str):
            try:
                return self.texts[value]
            except KeyError:
                found = self.texts[value] = self._text(value)
                return found
        if isinstance(value, list):
            return [self.mark(item) for item in value]
        return {key: self.mark(item) for key, item in value.items()} if isinstance(value, dict) else value

    @staticmethod
    def _text(value: str) -> str:
        if trust_as_template is not None:
            return trust_as_template(value) if INERT.fullmatch(value) else value
        return value if INERT.fullmatch(value) else wrap_var(value)


def _plain(value: Any) -> Any:
    """Plain texts and numbers instead of Ansible's own kinds of them, which JMESPath does not know."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)

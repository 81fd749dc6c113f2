# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: software
short_description: What software hosts have, from the ledger
version_added: 0.1.0
description:
  - Looks up software by name in the last looks that the ledger has. Contacts no host.
  - A host of which nothing is known is not in the answer; the module M(lockstep.patching.software) lists those.
options:
  _terms:
    description: Globs of the name or the source package; case does not matter.
    required: true
  ledger:
    description: The ledger; the variable C(lockstep_ledger) when it is left out.
    type: str
  fleet:
    description: The fleet in the ledger.
    type: str
    default: default
  version:
    description: A range such as V(>=1.2, <2), or a glob such as V(1.2*).
    type: str
    default: ''
  vendor:
    description: Glob of the vendor, publisher or origin.
    type: str
    default: ''
  in_use:
    description: V(yes), V(no) or V(unknown).
    type: str
    default: ''
author:
  - Lockstep maintainers (@lockstep)
"""

EXAMPLES = r"""
- name: Hosts on which an old openssl is in use
  ansible.builtin.debug:
    msg: "{{ old | map(attribute='host') | unique }}"
  vars:
    old: "{{ query('lockstep.patching.software', 'openssl', version='<3.0.17', in_use='yes') }}"
"""

RETURN = r"""
_raw:
  description: >-
    One dictionary for each piece of software on each host, with C(host), C(kind), C(name), C(version), C(arch),
    C(source), C(vendor), C(release), C(in_use), C(exposed), C(offered), C(seen_ms) and C(imported).
  type: list
  elements: dict
"""

import os

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import gather
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.software import Query, items_of, select


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        given = dict(variables or {})
        if self.get_option("ledger"):
            given["lockstep_ledger"] = self.get_option("ledger")

        def value(name):
            return self._templar.template(given[name]) if given.get(name) is not None else None

        query = Query(
            tuple(str(term) for term in terms),
            self.get_option("vendor"),
            self.get_option("version"),
            {"True": "yes", "False": "no"}.get(str(self.get_option("in_use")), str(self.get_option("in_use"))),
        )
        found = []
        try:
            with Ledger.open(gather(value, os.environ).ledger, create=False) as ledger:
                for host, state in ledger.states(self.get_option("fleet")):
                    if isinstance(state["sections"].get("packages"), list):
                        found += select(items_of(host, state), query)
        except (LockstepError, ValueError) as error:
            raise AnsibleLookupError(f"lockstep.patching.software: {error}") from error
        return [item._asdict() for item in found]

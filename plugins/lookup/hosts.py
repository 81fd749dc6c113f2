# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: hosts
short_description: The hosts, or the batch sizes, that this run has decided on
version_added: 0.1.0
description:
  - The playbooks of this collection use it in C(hosts) and C(serial) of a play.
    The order of the list is the order of the play.
  - It reads what an earlier controller task of the same run decided, and gives a pattern that matches no host
    where nothing was decided, so that a play without a decision touches nothing.
options:
  _terms:
    description:
      - V(look) for hosts to look at, V(elect) for hosts that fetch the plan's files,
        V(stage) for hosts that stage them, V(rings) for hosts to deploy to in order,
        and V(serial) for the sizes of their batches; V(peers) for hosts that share a budget with these,
        V(recheck) for hosts whose ring has soaked, V(roles) and V(asked-roles) for the roles that a gate asks;
        V(again) and V(serial-again) for those that had to wait for their share of it.
    required: true
author:
  - Lockstep maintainers (@lockstep)
"""

EXAMPLES = r"""
- name: Deploy
  hosts: "{{ query('lockstep.patching.hosts', 'rings') }}"
  serial: "{{ query('lockstep.patching.hosts', 'serial') }}"
  gather_facts: false
  roles:
    - lockstep.patching.deploy
"""

RETURN = r"""
_raw:
  description: Host names or batch sizes.
  type: list
  elements: raw
"""

from ansible.plugins.lookup import LookupBase

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import closing

NO_HOST = ["all:!all"]


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        files = closing.run_files()
        run = files.load()
        chosen = None if run is None or run.stopped else files.read("hosts-" + terms[0])
        if terms[0].startswith("serial"):
            return chosen or [1]
        return chosen or NO_HOST

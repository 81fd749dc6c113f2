# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: controller
short_description: The host under whose name the controller's own tasks run
version_added: 0.1.0
description:
  - The playbooks of this collection use it for plays that decide, record and report on the controller
    and contact no host.
  - C(localhost), or under C(--limit) the first host that the limit leaves, because Ansible skips a localhost play
    when the limit does not name localhost, and a skipped gate would read as success.
  - It also arranges for the run's closing line to be the last line of the output.
author:
  - Lockstep maintainers (@lockstep)
"""

EXAMPLES = r"""
- name: Report
  hosts: "{{ query('lockstep.patching.controller') }}"
  gather_facts: false
  roles:
    - lockstep.patching.report
"""

RETURN = r"""
_raw:
  description: One host name.
  type: list
  elements: str
"""

from ansible.plugins.lookup import LookupBase

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import closing, patterns


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        variables = variables or {}
        closing.arm()
        limit = variables.get("ansible_limit")
        if not limit:
            return ["localhost"]
        manager = patterns.whole_inventory(variables.get("groups", {}), self._loader)
        return patterns.limited(manager, limit)[:1] or ["localhost"]

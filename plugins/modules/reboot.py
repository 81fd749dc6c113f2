#!/usr/bin/python
# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module lockstep.patching.reboot: reboot this host, at most once for a plan."""

DOCUMENTATION = r"""
---
module: reboot
short_description: Reboot this host, at most once for a plan
version_added: 0.1.0
description:
  - Notes the boot id in the plan's journal on the host, then starts a reboot that the module does not wait for.
  - A second request for the same plan does nothing when the boot id has changed since the first.
  - The action of the same name decides whether a host owes a reboot, gives the arguments from the open plan, waits
    for the host, and proves
    the reboot by its boot id.
extends_documentation_fragment:
  - lockstep.patching.plan_step
author:
  - Lockstep maintainers (@lockstep)
attributes:
  check_mode:
    support: full
    description: Says what it would do.
options:
  mode:
    description: V(reboot) asks for the reboot; V(state) only returns the boot id, uptime and running kernel.
    type: str
    choices: [reboot, state]
    default: reboot
  boot_id:
    description: Boot id that the reboot is owed in. A host that shows another has rebooted since, and is left alone.
    type: str
  delay:
    description: Seconds until the reboot starts, so that this module can return before.
    type: int
    default: 1
"""

EXAMPLES = r"""
- name: Reboot where it is owed
  lockstep.patching.reboot:
"""

RETURN = r"""
outcome:
  description: C(rebooting), C(already_rebooted), C(refused), C(failed), C(state), or in check mode C(would_reboot).
  type: str
  returned: always
error:
  description: Null, or C(what) went wrong, C(where), and what to do C(next).
  type: dict
  returned: always
boot_id:
  description: Boot id now, before the reboot.
  type: str
  returned: always
uptime_ms:
  description: Milliseconds since the host booted.
  type: int
  returned: always
kernel:
  description: Release of the running kernel.
  type: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule  # noqa: E402

from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._transaction import rebooting  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.arguments import PLAN_STEP, require  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.journal import JournalError  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.places import Places  # noqa: E402


def main():
    module = AnsibleModule(
        argument_spec=dict(
            PLAN_STEP,
            mode={"type": "str", "choices": ["reboot", "state"], "default": "reboot"},
            boot_id={"type": "str"},
            delay={"type": "int", "default": 1},
        ),
        supports_check_mode=True,
    )
    if module.params["mode"] == "state":
        module.exit_json(changed=False, outcome="state", error=None, **rebooting.state())
    require(module, ("plan_id", "ledger_id", "token"))
    request = {key: module.params[key] for key in ("plan_id", "ledger_id", "token", "boot_id", "delay")}
    try:
        result = rebooting.reboot(request, Places(), Host(), module.check_mode)
    except (ValueError, JournalError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()

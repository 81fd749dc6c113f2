#!/usr/bin/python
# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module lockstep.patching.transaction: this host takes exactly a plan's versions."""

DOCUMENTATION = r"""
---
module: transaction
short_description: Bring this host to exactly the versions of a plan
version_added: 0.1.0
description:
  - Installs the plan's versions from a private index that holds only the plan's staged files, so that a newer,
    expired, phased or
    withdrawn version in the host's repositories cannot interfere.
  - Simulates first and refuses when anything else would be installed, upgraded, downgraded or removed.
  - Runs detached from its connection; the host's own journal in C(/var/lib/lockstep) decides what happened. Called
    again, it attaches to a
    running transaction, returns the result of a finished one, and repairs and goes on with an interrupted one.
  - The action of the same name gives the arguments from the open plan; a play needs none but O(lock_timeout) and
    O(timeout).
extends_documentation_fragment:
  - lockstep.patching.plan_step
author:
  - Lockstep maintainers (@lockstep)
attributes:
  check_mode:
    support: full
    description: Simulates, returns the result and changes nothing.
  diff_mode:
    support: full
    description: Returns the versions before and after.
options:
  transaction:
    description: Id of the transaction. The same id with the same O(attempt) is never carried out twice.
    type: str
  attempt:
    description: A higher number than the last attempt's carries a transaction that has failed or was refused through
      again.
    type: int
    default: 1
  lines:
    description: The plan's lines of this host's platform, as in the plan document.
    type: list
    elements: dict
    default: []
  skip:
    description: What this host does not take, as C(name), C(arch) and C(why).
    type: list
    elements: dict
    default: []
  lock_timeout:
    description: Seconds to wait for the locks of the package manager.
    type: int
    default: 300
  timeout:
    description: Seconds that the package manager may take before its process group is stopped.
    type: int
    default: 3600
  restart_services:
    description:
      - Restart the services that still use replaced files. Those that must not be restarted, as the message bus and
        logins, become a
        reason to reboot.
    type: bool
    default: true
  reboot_follows:
    description:
      - Whether a reboot that is owed follows. Then a host that owes one is not made to restart its services before it.
    type: bool
    default: false
  back:
    description: Bring about exactly the O(lines), older versions and removals included, from what the plan has left.
      Used to roll back.
    type: bool
    default: false
  reconnect:
    description: Seconds that the action tries to reach a host again whose connection was lost.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Install the open plan's versions
  lockstep.patching.transaction:
    timeout: 1800
"""

RETURN = r"""
outcome:
  description: >-
    C(installed), C(nothing) (all is there already), C(failed), C(refused) (nothing was touched), C(unknown) (the
    runner died), or in check mode
    C(would_install).
  type: str
  returned: always
error:
  description: Null, or C(what) went wrong, C(where), and what to do C(next).
  type: dict
  returned: always
transaction:
  description: Id of the transaction that this is the result of; an earlier one of the same plan where that had to be
    finished.
  type: str
  returned: always
attempt:
  description: Number of the attempt that ended with this result.
  type: int
  returned: always
attached:
  description: Null, C(running) or C(finished) where the result is that of a transaction that was there before.
  type: str
  returned: always
packages:
  description: What differs from before the transaction's first attempt, as C(name), C(arch), C(action), C(before),
    C(after), C(planned).
  type: list
  elements: dict
  returned: always
newer:
  description: Packages whose installed version is newer than the plan's, as C(name), C(arch), C(installed),
    C(planned). They are left alone.
  type: list
  elements: dict
  returned: always
kept_back:
  description: Lines that were left out for a hold, a pin or a reason in O(skip), as C(name), C(arch), C(version),
    C(why).
  type: list
  elements: dict
  returned: always
conffiles:
  description: Configuration files that kept the admin's version, as C(path), C(new) (the package's version) and C(by).
  type: list
  elements: dict
  returned: always
scripts_failed:
  description: Package scripts that failed, as C(package), C(script), C(status) and the last C(lines) of their output.
  type: list
  elements: dict
  returned: always
marks:
  description: Whether automatic marks and holds are C(equal) to those before, and which were C(restored).
  type: dict
  returned: always
manager:
  description: Packages that are not in order, empty when dpkg is.
  type: list
  elements: str
  returned: always
repaired:
  description: Whether an interrupted dpkg was repaired first.
  type: bool
  returned: always
restarted:
  description: Services that were restarted because they used replaced files.
  type: list
  elements: str
  returned: always
restart_failed:
  description: Services that did not come back, as C(unit) and C(detail).
  type: list
  elements: dict
  returned: always
reboot_reasons:
  description: Why a reboot is owed, as C(signal) and C(text).
  type: list
  elements: dict
  returned: always
timings:
  description: Milliseconds of each step on the host.
  type: dict
  returned: always
log:
  description: Path of the package manager's output on the host.
  type: str
  returned: always
log_tail:
  description: The last lines of it, after a failure.
  type: list
  elements: str
  returned: always
boot_id:
  description: Boot id of the host when the attempt began.
  type: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule  # noqa: E402

from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._transaction import launch  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.arguments import PLAN_STEP, require  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.journal import JournalError  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.places import Places  # noqa: E402

REQUEST = (
    "transaction",
    "plan_id",
    "ledger_id",
    "token",
    "attempt",
    "lines",
    "skip",
    "lock_timeout",
    "timeout",
    "restart_services",
    "reboot_follows",
    "back",
)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            PLAN_STEP,
            transaction={"type": "str"},
            attempt={"type": "int", "default": 1},
            lines={"type": "list", "elements": "dict", "default": []},
            skip={"type": "list", "elements": "dict", "default": []},
            lock_timeout={"type": "int", "default": 300},
            timeout={"type": "int", "default": 3600},
            restart_services={"type": "bool", "default": True},
            reboot_follows={"type": "bool", "default": False},
            back={"type": "bool", "default": False},
            reconnect={"type": "int", "default": 120},
        ),
        supports_check_mode=True,
    )
    require(module, ("transaction", "plan_id", "ledger_id", "token"))
    request = {key: module.params[key] for key in REQUEST}
    request["pinned"] = {}
    try:
        if module.check_mode:
            result, diff = launch.rehearse(request, Places(), Host())
            module.exit_json(diff=diff, attached=None, **result)
        result = launch.transact(request, Places(), Host())
    except (ValueError, JournalError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**dict({"attached": None}, **result))


if __name__ == "__main__":
    main()

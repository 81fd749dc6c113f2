#!/usr/bin/python
# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module lockstep.patching.acquire: a plan's files are on this host before the window."""

DOCUMENTATION = r"""
---
module: acquire
short_description: Fetch and verify a plan's package files on this host
version_added: 0.1.0
description:
  - Fetches the files of the plan's lines with the host's own package manager (its caches, repositories, credentials
    and proxy) into
    C(/var/cache/lockstep/files), named and verified by the plan's SHA-256.
  - Seeks the files of the versions that are installed now as well, for a rollback.
  - Files that are there are verified and not fetched again. The folder is bounded; files that the plan does not need
    go first, oldest first.
  - The action of the same name gives the arguments from the open plan, and carries files between the host and the
    content store.
extends_documentation_fragment:
  - lockstep.patching.plan_step
author:
  - Lockstep maintainers (@lockstep)
attributes:
  check_mode:
    support: full
    description: Says which files are there and changes nothing.
options:
  mode:
    description:
      - V(elect) is for the host that fetches all files of its platform, V(stage) for a host that fetches what it
        takes itself.
      - V(adopt) verifies files that were put to C(SHA256.part) in RV(files_dir) and gives them their names; it
        fetches nothing.
    type: str
    choices: [elect, stage, adopt]
    default: stage
  lines:
    description: The plan's lines of this host's platform, as in the plan document.
    type: list
    elements: dict
    default: []
  wanted_old:
    description: Versions to seek for a rollback, as C(name), C(arch) and C(version).
    type: list
    elements: dict
    default: []
  max_bytes:
    description: Limit for all files in the folder, in bytes.
    type: int
    default: 4294967296
  timeout:
    description: Seconds that one command of the package manager may take.
    type: int
    default: 1800
"""

EXAMPLES = r"""
- name: Stage the open plan's files
  lockstep.patching.acquire:
    mode: stage
"""

RETURN = r"""
outcome:
  description: C(done) (look at C(lines)), C(failed), or C(refused) for a token that is too low.
  type: str
  returned: always
error:
  description: Null, or C(what) went wrong, C(where), and what to do C(next).
  type: dict
  returned: always
files_dir:
  description: The folder of the files.
  type: str
  returned: always
lines:
  description: >-
    Each line as C(package), C(arch), C(version), C(sha256), C(size), C(status) (C(staged), C(missing) or
    C(mismatch)), C(reason) and C(path).
  type: list
  elements: dict
  returned: always
old:
  description: The versions sought for a rollback, as C(name), C(arch), C(version), C(sha256), C(size), C(path), or
    C(reason) why not.
  type: list
  elements: dict
  returned: always
pruned:
  description: SHA-256 of files that were removed to make room.
  type: list
  elements: str
  returned: always
bytes:
  description: Size of all staged files.
  type: int
  returned: always
clock_ms:
  description: The host's clock at the end (UTC, milliseconds).
  type: int
  returned: always
"""

import time  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.acquiring import Acquire  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.arguments import PLAN_STEP, require  # noqa: E402
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.places import Places  # noqa: E402

REQUEST = ("mode", "plan_id", "ledger_id", "token", "lines", "wanted_old", "max_bytes", "timeout")


def main():
    module = AnsibleModule(
        argument_spec=dict(
            PLAN_STEP,
            mode={"type": "str", "choices": ["elect", "stage", "adopt"], "default": "stage"},
            lines={"type": "list", "elements": "dict", "default": []},
            wanted_old={"type": "list", "elements": "dict", "default": []},
            max_bytes={"type": "int", "default": 4294967296},
            timeout={"type": "int", "default": 1800},
        ),
        supports_check_mode=True,
    )
    require(module, ("plan_id", "ledger_id", "token"))
    request = {key: module.params[key] for key in REQUEST}
    try:
        result = Acquire(request, Places(), Host()).run(module.check_mode)
    except (ValueError, Unknown) as error:
        module.fail_json(msg=str(error))
    module.exit_json(clock_ms=int(time.time() * 1000), **result)


if __name__ == "__main__":
    main()

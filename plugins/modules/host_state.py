#!/usr/bin/python
# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look once at a host: what is installed, what is pending, and what it still owes."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: host_state
short_description: Look once at a host and return its state for patch management
version_added: 0.1.0
author: Lockstep contributors (@lockstep)
description:
  - Reads in one round trip the system, the kernel, packages with their source, everything that a full upgrade would
    change, holds and pins, the age and signatures of the package indexes, owed reboots, processes on replaced files,
    units and ports, free space, and the package history from the host's own logs.
  - Changes nothing on the host. Only O(refresh=always) updates the system's own package indexes.
  - What cannot be found out is unknown with the reason and the next step, never an empty list or 0. A stale, expired,
    unsigned, missing or unreachable index makes the candidates unknown.
options:
  refresh:
    description:
      - Whether the package indexes are brought up to date first.
      - V(never) uses the system's indexes as they are.
      - V(auto) fetches what changed into a private copy when they are older than O(max_index_age), uses it for this
        look and removes it.
      - V(always) updates the system's own indexes.
    type: str
    choices: [never, auto, always]
    default: auto
  max_index_age:
    description: Seconds after which an index is stale.
    type: int
    default: 86400
  known:
    description: Digests (SHA-256) that the caller has, by section. Sections with an equal digest are not sent again.
    type: dict
    default: {}
  checks:
    description:
      - Health checks to run on the host, each a dictionary with one of C(unit), C(http) (with C(expect), the
        status, by default 200), C(tcp) (a port or HOST:PORT) or C(command) (an absolute path with its arguments, or a
        list; no shell reads it), and C(timeout) in seconds (by default 10).
    type: list
    elements: dict
    default: []
  history_days:
    description: How many days of package history are read.
    type: int
    default: 200
  parts:
    description:
      - What is read besides the sections, in the same look. Each of them is a section of its own in what is returned.
      - V(network) addresses and gateways; V(hardware) virtualisation, cloud, model and serial number, from local data
        only; V(use) packages whose programs run, whose libraries are mapped, whose sockets listen, and on what.
      - V(controls) firewall, SELinux, AppArmor, sshd, automatic updates, kernel lockdown and livepatches, disk
        encryption, agents and time synchronisation.
      - V(snaps), V(flatpaks); V(containers) images, and what runs from them; V(languages) pip, npm and gem packages
        that are installed for the whole system; V(declared) what O(software) finds.
      - The commands of all parts together have 20 seconds.
    type: list
    elements: str
    choices: [network, hardware, use, controls, snaps, flatpaks, containers, languages, declared]
    default: []
  software:
    description:
      - Rules of the part V(declared), for software that no package manager knows. Each has C(name), C(path) (absolute,
        may have wildcards; what it matches is installed), and may have C(vendor), C(command) (a list that begins with
        an absolute path; no shell reads it) or C(file) whose text tells the version, and C(regex), whose first group
        is the version. Without C(command) and C(file) the expression reads the path. C({path}) stands for the path.
    type: list
    elements: dict
    default: []
  agents:
    description:
      - Rules of the part V(controls) for antivirus and other agents. Each has C(name) and at least one of C(unit),
        C(process) and C(path), and may have C(kind).
    type: list
    elements: dict
    default: []
  sections:
    description: The sections to read. All of them, when empty.
    type: list
    elements: str
    choices: [os, boot, manager, packages, candidates, holds, indexes, reboot, services, health, checks, space,
              history, platform]
    default: []
attributes:
  check_mode:
    description: Runs the same in check mode, except that O(refresh=always) then works like V(auto).
    support: full
  diff_mode:
    description: Nothing is changed, so that there is nothing to show.
    support: none
notes:
  - Without root some things are unknown, such as the processes of other users; each is listed with its reason.
  - apt rebuilds its own cache of the indexes (C(pkgcache.bin)) when it is out of date, as it does for every command.
"""

EXAMPLES = r"""
- name: What is pending, and what is owed
  lockstep.patching.host_state:
  register: look

- name: The same, of a host whose package list and history are known already
  lockstep.patching.host_state:
    refresh: never
    known:
      packages: 0f343b0931126a20f133d67c2b018a3b5e2f1b4bd5e1a4be0fbd0b1a54b7c5a1
    checks:
      - unit: nginx.service
      - http: http://localhost/health
        expect: 200
      - tcp: 5432
"""

RETURN = r"""
schema:
  description: The number of the shape of what is returned.
  type: int
  returned: always
  sample: 1
platform:
  description: The id of the platform, the same on all hosts that take the same packages; null when it is unknown.
  type: str
  returned: always
  sample: debian-12-amd64-1a2b3c4d
digests:
  description: SHA-256 of the canonical JSON of each section.
  type: dict
  returned: always
sections_zb64:
  description: The sections whose digest is not the known one, as base64 of zlib of canonical JSON.
  type: str
  returned: always
clock_ms:
  description: The host's clock at the end (UTC, milliseconds).
  type: int
  returned: always
answer:
  description: The short answer; at most 8 KB together with the digests.
  type: dict
  returned: always
  contains:
    supported:
      description: Whether the host has a package manager that can be read.
      type: bool
      returned: always
    pending:
      description: How many packages a full upgrade would change; null when that is unknown.
      type: int
      returned: always
    security:
      description: How many of them come from a security archive; null when that is unknown.
      type: int
      returned: always
    at_least:
      description: The same two counts as far as the unreliable indexes show them, when they are unknown; else null.
      type: dict
      returned: always
    reboot:
      description: Whether a reboot is owed, V(yes), V(no) or V(unknown).
      type: str
      returned: always
    reboot_reasons:
      description: Why it is owed.
      type: list
      elements: str
      returned: always
    outdated_services:
      description: Units and processes that still use replaced files; null when that is unknown.
      type: list
      elements: str
      returned: always
    holds:
      description: How many packages are held or pinned; null when that is unknown.
      type: int
      returned: always
    manager:
      description: The health of the package manager, V(ok), V(interrupted), V(locked), V(broken) or V(unknown).
      type: str
      returned: always
    failed_units:
      description: Failed services.
      type: list
      elements: str
      returned: always
    failed_checks:
      description: Health checks that failed.
      type: list
      elements: str
      returned: always
    last_patched_ms:
      description: When a package was last upgraded (UTC, milliseconds), as far as the logs tell.
      type: int
      returned: always
    history_missing:
      description: What the logs cannot tell, or null.
      type: str
      returned: always
    platform:
      description: The id of the platform.
      type: str
      returned: always
    unknown:
      description: What could not be found out, why, and what to do next.
      type: list
      elements: dict
      returned: always
      sample: [{what: candidates, why: "index Debian-Security is unreachable", next: "repair the source"}]
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lockstep.patching.plugins.module_utils._look import checks as health_checks
from ansible_collections.lockstep.patching.plugins.module_utils._look.look import Look
from ansible_collections.lockstep.patching.plugins.module_utils._model import rules
from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest, pack
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import PARTS, SCHEMA, SECTIONS
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "refresh": {"type": "str", "choices": ["never", "auto", "always"], "default": "auto"},
            "max_index_age": {"type": "int", "default": 86400},
            "known": {"type": "dict", "default": {}},
            "checks": {"type": "list", "elements": "dict", "default": []},
            "history_days": {"type": "int", "default": 200},
            "parts": {"type": "list", "elements": "str", "choices": list(PARTS), "default": []},
            "software": {"type": "list", "elements": "dict", "default": []},
            "agents": {"type": "list", "elements": "dict", "default": []},
            "sections": {"type": "list", "elements": "str", "choices": list(SECTIONS), "default": []},
        },
        supports_check_mode=True,
    )
    wrong = [problem for problem in map(health_checks.problem_of, module.params["checks"]) if problem]
    wrong += rules.problems(module.params["software"], module.params["agents"])
    if module.params["max_index_age"] < 0 or module.params["history_days"] < 0:
        wrong.append("max_index_age and history_days are not negative")
    if wrong:
        module.fail_json(msg="; ".join(wrong))
    refresh = module.params["refresh"]
    if module.check_mode and refresh == "always":
        refresh = "auto"
    look = Look(Host(), int(time.time() * 1000))
    look.run(
        refresh,
        module.params["max_index_age"],
        module.params["history_days"],
        module.params["checks"],
        tuple(module.params["sections"] or SECTIONS) + tuple(module.params["parts"]),
        {"software": module.params["software"], "agents": module.params["agents"]},
    )
    digests = {name: digest(content) for name, content in look.sections.items()}
    known = module.params["known"]
    changed = {name: content for name, content in look.sections.items() if known.get(name) != digests[name]}
    module.exit_json(
        changed=False,
        schema=SCHEMA,
        platform=look.platform,
        digests=digests,
        sections_zb64=pack(changed),
        answer=look.answer(),
        clock_ms=int(time.time() * 1000),
    )


if __name__ == "__main__":
    main()

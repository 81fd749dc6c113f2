# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Ansible inventory of a lab. Strings are written as JSON, which is YAML too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from . import families
from .names import LabNames

GROUP = "lockstep_lab"
"""Inventory group of all of a lab's hosts."""


def ssh_options(names: LabNames) -> list[str]:
    """ssh arguments that trust exactly the lab's hosts and keep shared connections where down finds them."""
    return [
        "-o", f"UserKnownHostsFile={names.state / 'known_hosts'}", "-o", "GlobalKnownHostsFile=/dev/null",
        "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o", f"ControlPath={names.run}/%C",
    ]  # fmt: skip


def inventory_text(names: LabNames, hosts: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]]) -> str:
    """YAML text: all lab hosts with their connection settings in one group, then the groups asked for."""
    common = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(names.state / "id_ed25519"),
        "ansible_ssh_common_args": " ".join(ssh_options(names)),
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    # in a group of its own: under `all` the settings would reach localhost and other inventories' hosts
    lines = ["---", "all:", "  children:", f"    {GROUP}:", "      vars:"]
    lines += [f"        {key}: {json.dumps(value)}" for key, value in common.items()]
    lines.append("      hosts:")
    for host, entry in hosts.items():
        lines += [f"        {json.dumps(host)}:", f"          ansible_host: {json.dumps(entry['address'])}"]
        if families.of(entry["release"]).virtual:
            # emulated on a busy machine, its SSH server may take longer than the usual 10 s to greet
            lines.append("          ansible_ssh_timeout: 120")
    for group, members in groups.items():
        lines += [f"    {json.dumps(group)}:", "      hosts:" + ("" if members else " {}")]
        lines += [f"        {json.dumps(host)}: {{}}" for host in members]
    return "\n".join(lines) + "\n"


def known_hosts_text(entries: Mapping[str, Sequence[str]]) -> str:
    """known_hosts text; entries: address to public keys ('type base64')."""
    return "".join(f"{address} {key}\n" for address, keys in entries.items() for key in keys)

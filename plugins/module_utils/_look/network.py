# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Addresses under which others reach the host."""

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._parse.addresses import parse_addresses, parse_gateways

COMMANDS = {
    "addresses": ["ip", "-j", "addr", "show"],
    "routes": ["ip", "-j", "route", "show", "default"],
    "routes6": ["ip", "-j", "-6", "route", "show", "default"],
}


def section(_host, commands, _rules):
    """Return {interfaces: [{name, mac, addresses}], addresses: [without prefix], gateways}."""
    runs = {name: commands.result(name) for name in COMMANDS}
    if runs["addresses"] is None:
        raise Unknown("network", "the command ip is not installed", "install iproute2 on the host")
    failed = next((run for run in runs.values() if run.rc), None)
    if failed:
        raise Unknown("network", "ip failed: " + " ".join(failed.err.split())[:200], "run ip addr on the host")
    interfaces = parse_addresses(runs["addresses"].out)
    flat = {address.partition("/")[0] for row in interfaces for address in row["addresses"]}
    gateways = parse_gateways(runs["routes"].out) + parse_gateways(runs["routes6"].out)
    return {"interfaces": interfaces, "addresses": sorted(flat), "gateways": sorted(set(gateways))}

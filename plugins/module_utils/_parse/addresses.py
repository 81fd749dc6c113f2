# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``ip -j addr`` and ``ip -j route`` print."""

import json

from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded

LIMIT = 200  # interfaces
PER_INTERFACE = 50  # addresses


def parse_addresses(text):
    """Return [{name, mac, addresses: ["10.0.0.1/24"]}] of the interfaces that have an address which others can reach.

    Loopback and link-local addresses are left out. Raise ValueError for what is not ip's JSON.
    """
    found = []
    for link in _rows(text):
        addresses = [
            "{0}/{1}".format(bounded(str(row["local"]), 45), int(row["prefixlen"]))
            for row in link.get("addr_info", [])
            if row.get("scope") not in ("host", "link") and row.get("local") and "prefixlen" in row
        ]
        if addresses:
            mac = str(link.get("address", "")) if link.get("link_type") == "ether" else ""
            found.append(
                {
                    "name": bounded(str(link.get("ifname", ""))),
                    "mac": bounded(mac, 17),
                    "addresses": addresses[:PER_INTERFACE],
                }
            )
    return sorted(found, key=lambda row: row["name"])[:LIMIT]


def parse_gateways(text):
    """Return the sorted gateways of the default routes; raise ValueError."""
    return sorted({bounded(str(row["gateway"]), 45) for row in _rows(text) if row.get("gateway")})


def _rows(text):
    rows = json.loads(text or "[]")
    if not isinstance(rows, list):
        raise ValueError("ip printed no list")
    return [row for row in rows if isinstance(row, dict)]

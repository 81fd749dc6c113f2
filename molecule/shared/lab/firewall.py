# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way out for real-mode hosts: package mirror and names, nothing else.

One table (nft) or one pair of chains (iptables) a lab; removing it removes every rule.
"""

from __future__ import annotations

import shutil
import urllib.parse
from collections.abc import Iterable, Sequence

from . import machine
from .names import LabNames
from .shell import run


def ports_of(uris: Iterable[str]) -> list[int]:
    """TCP ports that a list of http(s) URIs needs, sorted."""
    ports = set()
    for uri in uris:
        parts = urllib.parse.urlsplit(uri)
        ports.add(parts.port or (443 if parts.scheme == "https" else 80))
    return sorted(ports)


def nft_rules(table: str, bridge: str, subnet: str, dns: Sequence[str], ports: Sequence[int]) -> str:
    """The nft script that creates a lab's table."""
    names = f"    iifname {bridge} ip daddr {{ {', '.join(dns)} }} meta l4proto {{ tcp, udp }} th dport 53 accept\n"
    return (
        f"table ip {table} {{\n"
        "  chain nat {\n    type nat hook postrouting priority 100;\n"
        f"    ip saddr {subnet} oifname != {bridge} masquerade\n  }}\n"
        "  chain forward {\n    type filter hook forward priority 0;\n"
        f"    iifname {bridge} oifname {bridge} accept\n"
        f"    iifname {bridge} ct state established,related accept\n"
        f"{names if dns else ''}"
        f"    iifname {bridge} tcp dport {{ {', '.join(map(str, ports))} }} accept\n"
        f"    iifname {bridge} reject\n"
        f"    oifname {bridge} ct state established,related accept\n"
        f"    oifname {bridge} drop\n"
        "  }\n}\n"
    )


def iptables_rules(chain: str, bridge: str, subnet: str, dns: Sequence[str], ports: Sequence[int]) -> list[list[str]]:
    """The iptables arguments that do the same where nft is missing."""
    accept = ["-j", "ACCEPT"]
    rules = [["-t", "nat", "-N", chain], ["-N", chain]]
    rules.append(["-t", "nat", "-A", chain, "-s", subnet, "!", "-o", bridge, "-j", "MASQUERADE"])
    rules.append(["-A", chain, "-i", bridge, "-o", bridge, *accept])
    rules.append(["-A", chain, "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", *accept])
    for server in dns:
        for proto in ("udp", "tcp"):
            rules.append(["-A", chain, "-i", bridge, "-d", server, "-p", proto, "--dport", "53", *accept])
    for port in ports:
        rules.append(["-A", chain, "-i", bridge, "-p", "tcp", "--dport", str(port), *accept])
    rules.append(["-A", chain, "-j", "REJECT"])
    rules += [["-I", "FORWARD", "-i", bridge, "-j", chain], ["-I", "FORWARD", "-o", bridge, "-j", chain]]
    rules.append(["-t", "nat", "-I", "POSTROUTING", "-s", subnet, "-j", chain])
    return rules


def open_way(names: LabNames, subnet: str, dns: Sequence[str], ports: Sequence[int]) -> None:
    """Let the lab's hosts reach the mirror; done again it changes nothing."""
    machine.borrow(machine.FORWARDING, names.ident)
    if shutil.which("nft"):
        run(["nft", "delete", "table", "ip", names.table], check=False)
        run(["nft", "-f", "-"], stdin=nft_rules(names.table, names.bridge, subnet, dns, ports))
    else:
        _close_iptables(names, subnet)
        for rule in iptables_rules(names.table, names.bridge, subnet, dns, ports):
            run(["iptables", "-w", *rule])


def close_way(names: LabNames, subnet: str = "") -> None:
    """Remove the lab's rules and, as the last lab, put forwarding back."""
    if shutil.which("nft"):
        run(["nft", "delete", "table", "ip", names.table], check=False)
    elif shutil.which("iptables"):
        _close_iptables(names, subnet)
    machine.give_back(machine.FORWARDING, names.ident)


def tables() -> list[str]:
    """Identities (8 hex digits) of labs that have an nft table on this machine."""
    if not shutil.which("nft"):
        return []
    listed = run(["nft", "list", "tables", "ip"], check=False).stdout.split()
    return [word.removeprefix("lslab_") for word in listed if word.startswith("lslab_")]


def _close_iptables(names: LabNames, subnet: str) -> None:
    for rule in (
        ["-D", "FORWARD", "-i", names.bridge, "-j", names.table],
        ["-D", "FORWARD", "-o", names.bridge, "-j", names.table],
        ["-t", "nat", "-D", "POSTROUTING", "-s", subnet or "0.0.0.0/0", "-j", names.table],
        ["-F", names.table], ["-X", names.table],
        ["-t", "nat", "-F", names.table], ["-t", "nat", "-X", names.table],
    ):  # fmt: skip
        run(["iptables", "-w", *rule], check=False)

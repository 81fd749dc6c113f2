# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bridge, cables and addresses of a lab. Hosts get a network namespace that outlives their reboots."""

from __future__ import annotations

import ipaddress
import json
import zlib
from collections.abc import Iterable
from pathlib import Path

from .errors import LabError
from .names import LabNames
from .shell import mounts_below, run

FIRST_HOST = 11
LAST_HOST = 250


def pick_subnet(seed: str, taken: Iterable[str]) -> str:
    """A /24 of 10.0.0.0/8 that overlaps none of taken (networks or addresses as text).

    The same seed tries the same networks in the same order. Raises LabError when all 65,536 are taken.
    """
    used = [ipaddress.ip_network(item, strict=False) for item in taken]
    used = [net for net in used if net.version == 4 and net.prefixlen > 0]
    start = zlib.crc32(seed.encode())
    for step in range(65536):
        # an odd stride visits every /24 once and keeps neighbours' labs apart
        number = (start + step * 25717) % 65536
        net = ipaddress.ip_network(f"10.{number >> 8}.{number & 255}.0/24")
        if not any(net.overlaps(other) for other in used):
            return str(net)
    raise LabError("no /24 of 10.0.0.0/8 is free on this machine", "take down labs: lab.py down --all")


def gateway(subnet: str) -> str:
    """The machine's address in a lab's subnet."""
    return str(ipaddress.ip_network(subnet)[1])


def pick_address(subnet: str, taken: Iterable[str]) -> str:
    """First free host address of a subnet; LabError when its 240 are used."""
    net, used = ipaddress.ip_network(subnet), set(taken)
    for number in range(FIRST_HOST, LAST_HOST + 1):
        if str(net[number]) not in used:
            return str(net[number])
    raise LabError(f"all {LAST_HOST - FIRST_HOST + 1} host addresses of {subnet} are used")


def parse_nameservers(text: str) -> list[str]:
    """IPv4 nameservers of a resolv.conf that a host can reach (not loopback ones)."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                address = ipaddress.ip_address(words[1])
            except ValueError:
                continue
            if address.version == 4 and not address.is_loopback:
                found.append(words[1])
    return found


def nameservers() -> list[str]:
    """The machine's nameservers; behind a local stub, those that it forwards to."""
    for path in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        if path.is_file():
            found = parse_nameservers(path.read_text(encoding="utf-8", errors="replace"))
            if found:
                return found
    return []


def taken_networks() -> list[str]:
    """Every network and address that this machine already routes, has, or asks for names."""
    taken = list(nameservers())
    for route in json.loads(run(["ip", "-4", "-j", "route", "show", "table", "all"]).stdout or "[]"):
        taken += [route[key] for key in ("dst", "gateway") if key in route and route[key] != "default"]
    for link in json.loads(run(["ip", "-4", "-j", "addr"]).stdout or "[]"):
        taken += [f"{a['local']}/{a['prefixlen']}" for a in link.get("addr_info", []) if "local" in a]
    return taken


def uplink_mtu() -> int:
    """MTU of the way out, so that packets of hosts never need fragments; 1500 when there is none."""
    routes = json.loads(run(["ip", "-4", "-j", "route", "show", "default"], check=False).stdout or "[]")
    for route in routes:
        path = Path("/sys/class/net") / route.get("dev", "-") / "mtu"
        if path.is_file():
            return int(path.read_text())
    return 1500


def links(prefix: str) -> list[str]:
    """Names of the machine's network links that begin with prefix."""
    return sorted(p.name for p in Path("/sys/class/net").iterdir() if p.name.startswith(prefix))


def make_bridge(names: LabNames, subnet: str) -> None:
    """Create the lab's bridge with the gateway's address, unless it is there and complete."""
    if names.bridge in links(names.bridge):
        if f" {gateway(subnet)}/24 " in run(["ip", "-4", "-o", "addr", "show", "dev", names.bridge, "up"]).stdout:
            return
        run(["ip", "link", "del", names.bridge])
    mtu = uplink_mtu()
    # the alias says whose it is, so that orphans are recognised without any other record
    run(["ip", "-batch", "-"], stdin="\n".join([
        f"link add {names.bridge} mtu {mtu} type bridge forward_delay 0 stp_state 0",
        f"link set {names.bridge} alias {names.state}",
        f"addr add {gateway(subnet)}/24 dev {names.bridge}",
        f"link set {names.bridge} up",
    ]) + "\n")  # fmt: skip


def make_cable(names: LabNames, host: str, index: int, address: str, subnet: str) -> None:
    """Create a host's network namespace (a mounted file) and its cable to the bridge, unless they are complete."""
    netns, complete = names.host_dir(host) / "net", names.host_dir(host) / "net.complete"
    veth, peer, mtu = names.veth(index), f"{names.veth(index)}p", uplink_mtu()
    if veth in links(veth):
        if complete.exists():
            return
        run(["ip", "link", "del", veth])
    if not is_mounted(netns):
        netns.touch()
        run(["unshare", f"--net={netns}", "ip", "link", "set", "lo", "up"])
    run(["ip", "-batch", "-"], stdin="\n".join([
        f"link add {veth} mtu {mtu} type veth peer name {peer} mtu {mtu}",
        f"link set {veth} alias {names.state}",
        f"link set {peer} netns {netns}",
        f"link set {veth} master {names.bridge} up",
    ]) + "\n")  # fmt: skip
    run(["nsenter", f"--net={netns}", "ip", "-batch", "-"], stdin="\n".join([
        f"link set {peer} name host0",
        f"addr add {address}/24 dev host0",
        "link set host0 up",
        f"route add default via {gateway(subnet)}",
    ]) + "\n")  # fmt: skip
    complete.touch()


def make_tap(names: LabNames, index: int) -> None:
    """Create the cable of a virtual machine, unless it is there; the machine's own system gives the address."""
    tap = names.veth(index)
    if tap in links(tap):
        return
    run(["ip", "-batch", "-"], stdin="\n".join([
        f"tuntap add dev {tap} mode tap",
        f"link set {tap} mtu {uplink_mtu()} alias {names.state}",
        f"link set {tap} master {names.bridge} up",
    ]) + "\n")  # fmt: skip


def set_cable(names: LabNames, index: int, up: bool) -> None:
    """Plug a host's cable in or pull it; the state outlives reboots of the host."""
    run(["ip", "link", "set", names.veth(index), "up" if up else "down"])


def remove_links(names: LabNames) -> None:
    """Delete the lab's cables and bridge; nothing to do is fine."""
    for link in [*links(names.veth(0)[:-1]), *links(names.bridge)]:
        run(["ip", "link", "del", link], check=False)


def is_mounted(path: Path) -> bool:
    """Whether something is mounted exactly at path."""
    return str(path) in mounts_below(path)

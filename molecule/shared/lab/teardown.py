# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Taking a lab down, whatever state it is in. Each step finds what is there and tolerates what is not."""

from __future__ import annotations

import time
from pathlib import Path

from . import firewall, machine, network, procs, state
from .errors import LabError
from .names import PREFIX, LabNames, lab_names
from .shell import mounts_below, remove_tree, run


def take_down(names: LabNames) -> None:
    """End the lab's processes, then remove mounts, rules, links and files. LabError names what stays."""
    try:
        subnet = state.load(names).get("subnet", "")
    except LabError:
        subnet = ""
    # twice: a process that was being started while the first list was made is in the second
    for _round in range(2):
        procs.end_all(lambda: procs.cgroup_pids(names.cgroup), f"lab {names.lab}")
        procs.end_all(lambda: procs.marked_pids(names.state), f"lab {names.lab}")
    _end_ssh_masters(names)
    _unmount(names.state)
    firewall.close_way(names, subnet)
    machine.give_back(machine.INOTIFY, names.ident)
    network.remove_links(names)
    _remove_cgroup(names)
    if not mounts_below(names.state):
        for folder in (names.state, names.run):
            remove_tree(folder)
    left = remains(names)
    if left:
        raise LabError(
            f"lab {names.lab} left behind: {'; '.join(left)}", "run down again; if it stays, look at it by hand"
        )


def remains(names: LabNames) -> list[str]:
    """What is left of a lab on this machine, in words; [] when nothing is."""
    left = [f"process {pid}" for pid in {*procs.cgroup_pids(names.cgroup), *procs.marked_pids(names.state)}]
    left += [f"mount {point}" for point in mounts_below(names.state)]
    left += [f"link {link}" for link in [*network.links(names.bridge), *network.links(names.veth(0)[:-1])]]
    left += [f"firewall table {names.table}" for ident in firewall.tables() if ident == names.ident]
    left += [f"control group {r / names.cgroup}" for r in procs.cgroup_roots() if (r / names.cgroup).exists()]
    return left


def all_labs() -> list[str]:
    """Names of the labs of this state folder: those with a folder, and those with only a link or process left."""
    found = set(state.labs())
    for link in network.links(PREFIX):
        alias = Path("/sys/class/net") / link / "ifalias"
        found.add(state.lab_of(alias.read_text().strip()) if alias.exists() else "")
    found |= {state.lab_of(mark) for mark in procs.marks()}
    return sorted(found - {""})


def sweep_orphans() -> list[str]:
    """Remove links and firewall tables of labs that no longer exist anywhere; returns their names."""
    swept, alive = [], {lab_names(name).ident for name in all_labs()}
    for link in network.links(PREFIX):
        alias = (Path("/sys/class/net") / link / "ifalias").read_text().strip()
        if alias and Path(alias).exists():
            alive.add(link.removeprefix(PREFIX))
        elif link.removeprefix(PREFIX) not in alive:
            for veth in network.links(f"lsv{link.removeprefix(PREFIX)}"):
                run(["ip", "link", "del", veth], check=False)
            run(["ip", "link", "del", link], check=False)
            swept.append(link)
    for ident in firewall.tables():
        if ident not in alive:
            run(["nft", "delete", "table", "ip", f"lslab_{ident}"], check=False)
            swept.append(f"lslab_{ident}")
    for setting in machine.ALL:
        for ident in machine.borrowers(setting):
            if ident not in alive:
                machine.give_back(setting, ident)
    return swept


def _end_ssh_masters(names: LabNames) -> None:
    """Close Ansible's shared SSH connections to the lab's hosts; they would linger for a minute."""
    if names.run.is_dir():
        for socket in names.run.iterdir():
            if socket.is_socket():
                run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "lab"], check=False, timeout=10)


def _unmount(folder: Path) -> None:
    for attempt in range(20):
        points = mounts_below(folder)
        if not points:
            return
        for point in points:
            # a lazy unmount is the last resort: it hides a user of the mount instead of waiting for it
            run(["umount", *(["-l"] if attempt > 10 else []), point], check=False)
        if attempt:
            time.sleep(0.05)


def _remove_cgroup(names: LabNames) -> None:
    for _attempt in range(50):
        procs.remove_cgroup(names.cgroup)
        if not any((root / names.cgroup).exists() for root in procs.cgroup_roots()):
            return
        time.sleep(0.02)

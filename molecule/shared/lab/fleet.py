# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab: hosts, network and repository under one name."""

from __future__ import annotations

import time
import urllib.parse
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from . import (
    alpm,
    bases,
    booting,
    check,
    families,
    firewall,
    kernels,
    layers,
    machine,
    network,
    state,
    teardown,
    vmdisks,
)
from .errors import LabError
from .hosts import Host
from .inventory import inventory_text, known_hosts_text
from .names import lab_names, run_dir
from .repository import Repository
from .shell import locked, run, write_atomic
from .vms import host_of
from .wishes import MODES, HostsWanted, Wish, merge_groups, normalise_hosts

DEFAULT_RELEASE = "bookworm"


def quiet(_line: str) -> None:
    """Say nothing."""


class Lab:
    """A lab by name. Creating the object does nothing; up() and down() do."""

    def __init__(self, name: str = "lab", say: Callable[[str], None] = quiet) -> None:
        self.names = lab_names(name)
        self.name = name
        self.say = say

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.down()

    # looking

    @property
    def inventory(self) -> str:
        """Path of the YAML inventory."""
        return str(self.names.state / "inventory.yml")

    @property
    def state(self) -> dict[str, Any]:
        """The lab's state from disk; LabError when it is not up."""
        data = state.load(self.names)
        if not data:
            raise LabError(f"there is no lab {self.name!r}", f"lab.py up --name {self.name}")
        return data

    @property
    def hosts(self) -> dict[str, Host]:
        """All hosts by name, in the order they were asked for."""
        return {name: host_of(self.names, name, entry) for name, entry in self.state["hosts"].items()}

    def host(self, name: str) -> Host:
        """One host; LabError with the names there are."""
        hosts = self.hosts
        if name not in hosts:
            raise LabError(f"lab {self.name} has no host {name!r}", f"its hosts: {', '.join(hosts)}")
        return hosts[name]

    @property
    def repo(self) -> Repository:
        """The lab's package repository."""
        return Repository(self.names, network.gateway(self.state["subnet"]))

    def kernels(self) -> kernels.Kernels:
        """The kernel that virtual machines have, and the newer one that `repo.publish` can offer them."""
        return kernels.of(bases.ensure_base(bases.recipe_for("vm"), self.say), self.say)

    def exists(self) -> bool:
        """Whether there is a state of this lab."""
        return (self.names.state / "state.json").exists()

    # up and down

    def up(
        self,
        hosts: HostsWanted,
        mode: str = "hermetic",
        groups: Mapping[str, Sequence[str]] | None = None,
        *,
        release: str = DEFAULT_RELEASE,
        warm: bool | str = True,
        repo: bool | None = None,
        publish: Sequence[str] = ("1.0", "1.1"),
        disk: str = "",
        packages: Sequence[str] = (),
        install: bool = True,
    ) -> Lab:
        """Bring hosts up and return when SSH answers on all and their units have settled.

        hosts: names, or name to release, or name to {"base", "disk", "groups"}. mode "hermetic": only the
        lab's repository, with lab packages 1.0 installed; "real": the distribution's archives with what is
        really pending. warm (real): package lists are there already; "files": the packages' files too.
        repo: also give the hosts the lab's repository (hermetic always). publish: versions of the standard
        packages. disk: size of every host's disk ("600M"; "" for no limit). packages: more for the base.
        Run again it adds hosts and starts those that are off.
        """
        if mode not in MODES:
            raise LabError(f"unknown mode {mode!r}", f"use one of: {', '.join(MODES)}")
        wanted = normalise_hosts(hosts, release, disk)
        with_repo = mode == "hermetic" if repo is None else repo
        wish = Wish(wanted, merge_groups(wanted, groups or {}), mode, warm, with_repo, tuple(publish), tuple(packages))
        virtual = any(families.of(entry["release"]).virtual for entry in wanted.values())
        check.require(install, self.say, virtual)
        with self._locked():
            new = not self.exists()
            if new:
                teardown.take_down(self.names)  # what a crash may have left under this name
            try:
                self._up(wish)
            except BaseException:
                if new:
                    teardown.take_down(self.names)
                raise
        return self

    def down(self) -> bool:
        """Take everything away; returns whether there was anything. Done again it changes nothing."""
        with self._locked():
            was_there = self.names.state.exists() or bool(teardown.remains(self.names))
            teardown.take_down(self.names)
            self._lock_file().unlink()
        return was_there

    def reset(self, *hosts: str) -> None:
        """Put hosts (default: all) back to what they were after up(): disk as new, booted anew."""
        data = self.state
        chosen = [self.host(name) for name in hosts] or list(self.hosts.values())
        _together(lambda host: booting.reset(host, data, self.say), chosen)

    def refresh(self, *hosts: str) -> None:
        """Fetch the indexes on hosts (default: all) at the same time: apt-get update, dnf makecache, …"""
        chosen = [self.host(name) for name in hosts] or list(self.hosts.values())
        _together(lambda host: host.run(host.family.refresh), chosen)

    def _lock_file(self) -> Path:
        return run_dir() / f"{self.names.ident}.lock"

    def _locked(self) -> AbstractContextManager[object]:
        return locked(self._lock_file(), lambda: self.say(f"waiting: something else brings lab {self.name} up or down"))

    def _up(self, wish: Wish) -> None:
        releases = {entry["release"] for entry in wish.hosts.values()}
        made = {r: bases.ensure_base(bases.recipe_for(r, wish.packages), self.say) for r in releases}
        lowers = {release: self._lowers(base, wish) for release, base in made.items()}
        started = time.monotonic()
        data = self._reserve(wish)
        machine.borrow(machine.INOTIFY, self.names.ident)
        if wish.mode == "real":
            self._open_way(data["subnet"])
        if wish.repo:
            self._start_repository(wish.publish, {families.of(release).rpm for release in releases})
            if "pacman" in made:
                alpm.publish(self.repo, layers.seed_layer(made["pacman"], self.say), wish.publish[-1])
        self._trust(data["hosts"], made)
        write_atomic(Path(self.inventory), inventory_text(self.names, data["hosts"], data["groups"]))
        hosts = [host_of(self.names, name, data["hosts"][name]) for name in wish.hosts]
        already = all(host.is_on() for host in hosts)
        _together(lambda host: booting.start(host, lowers[host.release], data, self.say), hosts)
        if wish.mode == "real":
            self._check_way(hosts[0])
        count = f"{len(hosts)} {wish.mode} host{'s' if len(hosts) != 1 else ''}"
        self.say(f"{count} already up" if already else f"{count} up in {time.monotonic() - started:.1f} s")

    def _open_way(self, subnet: str) -> None:
        servers = network.nameservers()
        if not servers:
            raise LabError("no nameserver of this machine can be reached by hosts", "name one in /etc/resolv.conf")
        archives = layers.machine_archives()
        ports = firewall.ports_of([archives.main, archives.security, *layers.proxies()])
        firewall.open_way(self.names, subnet, servers, ports)

    def _check_way(self, host: Host) -> None:
        """LabError when a host does not get to the mirror (or to the proxy in front of it)."""
        uri = urllib.parse.urlsplit([*layers.proxies(), layers.machine_archives().main][0])
        place = (uri.hostname or "", uri.port or firewall.ports_of([uri.geturl()])[0])
        probe = f"import socket; socket.create_connection({place!r}, 10).close()"
        if host.run(["python3", "-c", probe], check=False).returncode:
            raise LabError(
                f"hosts do not reach {place[0]} port {place[1]} through this machine",
                "another firewall may drop forwarded packets (iptables -S FORWARD); the hermetic mode needs no way out",
            )

    def _start_repository(self, versions: Sequence[str], kinds: set[bool]) -> None:
        """kinds: which of RPM packages (True) and others (False) hosts take."""
        repo = self.repo
        if True in kinds and not repo.rpm.is_complete():
            with repo.rpm.batch() as batch:
                for version in versions:
                    batch.publish_standard(version)
        if not repo.is_complete():
            with repo.batch():
                for version in versions:
                    repo.publish_standard(version)
        repo.serve()

    def _trust(self, hosts: Mapping[str, Mapping[str, Any]], made: Mapping[str, bases.Base]) -> None:
        """Add the host keys of hosts whose base is at hand to known_hosts."""
        known = self.names.state / "known_hosts"
        old = known.read_text(encoding="utf-8") if known.exists() else ""
        keys = {e["address"]: made[e["release"]].host_keys() for e in hosts.values() if e["release"] in made}
        write_atomic(known, old + "".join(x for x in known_hosts_text(keys).splitlines(True) if x not in old))

    def _reserve(self, wish: Wish) -> dict[str, Any]:
        """Write down subnet, addresses and numbers, then make the bridge."""
        data = state.load(self.names) or {
            "name": self.name,
            "mode": wish.mode,
            "hosts": {},
            "groups": {},
            "repo": wish.repo,
        }
        if data["mode"] != wish.mode:
            raise LabError(f"lab {self.name} is up in {data['mode']} mode", f"lab.py down --name {self.name}, then up")
        self.names.run.mkdir(parents=True, exist_ok=True)
        with locked(run_dir() / "network.lock"):
            data.setdefault("subnet", "")
            if not data["subnet"]:
                data["subnet"] = network.pick_subnet(self.names.ident, network.taken_networks())
            for name, entry in wish.hosts.items():
                if name not in data["hosts"]:
                    used = [e["address"] for e in data["hosts"].values()]
                    index = 1 + max([e["index"] for e in data["hosts"].values()], default=0)
                    address = network.pick_address(data["subnet"], used)
                    data["hosts"][name] = {**entry, "address": address, "index": index, "machine_id": uuid.uuid4().hex}
            for group, members in wish.groups.items():
                data["groups"][group] = list(dict.fromkeys([*data["groups"].get(group, []), *members]))
            state.save(self.names, data)
            network.make_bridge(self.names, data["subnet"])
        key = self.names.state / "id_ed25519"
        if not key.exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab {self.name}", "-f", str(key)])
        return data

    def _lowers(self, base: bases.Base, wish: Wish) -> list[Path]:
        lowers = [base.root]
        if wish.mode == "real" and wish.warm:
            lowers.insert(0, layers.warm_layer(base, self.say, files_too=wish.warm == "files"))
        if wish.repo:
            lowers.insert(0, layers.seed_layer(base, self.say))
        if families.of(base.release).virtual:
            return [vmdisks.image([kernels.old_layer(base, lowers, self.say), *lowers], self.say)]
        return lowers


def _together(work: Callable[[Host], Any], hosts: Sequence[Host]) -> None:
    """Do work for all hosts at the same time; the first LabError is raised when all have ended."""
    with ThreadPoolExecutor(max_workers=max(1, min(16, len(hosts)))) as pool:
        for future in [pool.submit(work, host) for host in hosts]:
            future.result()

# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab: hosts, network and repository under one name."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, Sequence

from . import bases, catalogue, check, debs, disks, firewall, layers, network, state, teardown
from .errors import LabError
from .hosts import Host
from .inventory import inventory_text, known_hosts_text
from .names import check_name, lab_names, run_dir
from .repository import Repository
from .shell import locked, run, write_atomic

HostsWanted = Iterable[str] | Mapping[str, Any]
DEFAULT_RELEASE = "bookworm"
MODES = ("hermetic", "real")


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
        return {name: Host(self.names, name, entry) for name, entry in self.state["hosts"].items()}

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
        all_groups = merge_groups(wanted, groups or {})
        check.require(install, self.say)
        new = not self.exists()
        with locked(run_dir() / f"{self.names.ident}.lock"):
            if new:
                teardown.take_down(self.names)  # what a crash may have left under this name
            try:
                self._up(wanted, mode, all_groups, warm, mode == "hermetic" if repo is None else repo, publish, packages)
            except BaseException:
                if new:
                    teardown.take_down(self.names)
                raise
        return self

    def down(self) -> bool:
        """Take everything away; returns whether there was anything. Done again it changes nothing."""
        with locked(run_dir() / f"{self.names.ident}.lock"):
            was_there = self.names.state.exists() or bool(teardown.remains(self.names))
            teardown.take_down(self.names)
        return was_there

    def refresh(self, *hosts: str) -> None:
        """Run apt-get update on hosts (default: all) at the same time."""
        chosen = [self.host(name) for name in hosts] or list(self.hosts.values())
        _together(lambda host: host.run("apt-get -qq update"), chosen)

    def _up(
        self,
        wanted: dict[str, dict[str, Any]],
        mode: str,
        groups: dict[str, list[str]],
        warm: bool | str,
        with_repo: bool,
        publish: Sequence[str],
        packages: Sequence[str],
    ) -> None:
        made = {r: bases.ensure_base(bases.recipe_for(r, packages), self.say) for r in {h["release"] for h in wanted.values()}}
        started = time.monotonic()
        data = self._reserve(wanted, mode, groups, with_repo)
        if mode == "real":
            proxies = [line.split('"')[1] for line in layers.proxy_settings(run(["apt-config", "dump"]).stdout).splitlines()]
            archives = layers.machine_archives()
            ports = firewall.ports_of([archives.main, archives.security, *proxies])
            firewall.open_way(self.names, data["subnet"], network.nameservers(), ports)
        if with_repo:
            repo = self.repo
            if not repo.published():
                with repo.batch():
                    for version in publish:
                        repo.publish_standard(version)
            repo.serve()
        lowers = {r: self._lowers(base, mode, warm, with_repo) for r, base in made.items()}
        keys = {entry["address"]: made[entry["release"]].host_keys() for entry in data["hosts"].values() if entry["release"] in made}
        known = self.names.state / "known_hosts"
        old = known.read_text(encoding="utf-8") if known.exists() else ""
        write_atomic(known, old + "".join(x for x in known_hosts_text(keys).splitlines(True) if x not in old))
        hosts = [Host(self.names, name, data["hosts"][name]) for name in wanted]
        already = all(host.is_on() for host in hosts)
        _together(lambda host: self._start(host, lowers[host.release], data), hosts)
        write_atomic(Path(self.inventory), inventory_text(self.names, data["hosts"], data["groups"]))
        count = f"{len(hosts)} {mode} host{'s' if len(hosts) != 1 else ''}"
        self.say(f"{count} already up" if already else f"{count} up in {time.monotonic() - started:.1f} s")

    def _reserve(self, wanted: dict, mode: str, groups: dict, with_repo: bool) -> dict[str, Any]:
        """Write down subnet, addresses and numbers, then make the bridge."""
        data = state.load(self.names) or {"name": self.name, "mode": mode, "hosts": {}, "groups": {}, "repo": with_repo}
        if data["mode"] != mode:
            raise LabError(f"lab {self.name} is up in {data['mode']} mode", f"lab.py down --name {self.name}, then up")
        self.names.run.mkdir(parents=True, exist_ok=True)
        with locked(run_dir() / "network.lock"):
            data.setdefault("subnet", "")
            if not data["subnet"]:
                data["subnet"] = network.pick_subnet(self.names.ident, network.taken_networks())
            for name, entry in wanted.items():
                if name not in data["hosts"]:
                    used = [e["address"] for e in data["hosts"].values()]
                    index = 1 + max([e["index"] for e in data["hosts"].values()], default=0)
                    address = network.pick_address(data["subnet"], used)
                    data["hosts"][name] = {**entry, "address": address, "index": index, "machine_id": uuid.uuid4().hex}
            for group, members in groups.items():
                data["groups"][group] = list(dict.fromkeys([*data["groups"].get(group, []), *members]))
            state.save(self.names, data)
            network.make_bridge(self.names, data["subnet"])
        key = self.names.state / "id_ed25519"
        if not key.exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab {self.name}", "-f", str(key)])
        return data

    def _lowers(self, base: bases.Base, mode: str, warm: bool | str, with_repo: bool) -> list[Path]:
        lowers = [base.root]
        if mode == "real" and warm:
            lowers.insert(0, layers.warm_layer(base, self.say, files_too=warm == "files"))
        if with_repo:
            lowers.insert(0, layers.seed_layer(base, [debs.build(s) for s in catalogue.standard()], self.say))
        return lowers

    def _start(self, host: Host, lowers: Sequence[Path], data: dict[str, Any]) -> None:
        entry = data["hosts"][host.name]
        prepared = host.folder / "prepared"
        fresh = not prepared.exists()
        disks.mount_root(host.folder, lowers, host.disk)
        network.make_cable(self.names, host.name, host.index, host.address, data["subnet"])
        if fresh:
            self._write_files(host, entry, data)
            prepared.touch()
        host.power_on()
        host.run("systemctl is-system-running --wait", check=False, timeout=60)
        if data["mode"] == "hermetic" and fresh:
            host.run("apt-get -qq update")

    def _write_files(self, host: Host, entry: dict[str, Any], data: dict[str, Any]) -> None:
        host.write("/etc/hostname", host.name + "\n")
        host.write("/etc/machine-id", entry["machine_id"] + "\n", 0o444)
        names = [f"127.0.0.1 localhost\n127.0.1.1 {host.name}\n{network.gateway(data['subnet'])} lab-controller\n"]
        names += [f"{e['address']} {name}\n" for name, e in data["hosts"].items() if name != host.name]
        host.write("/etc/hosts", "".join(names))
        host.write("/root/.ssh/authorized_keys", (self.names.state / "id_ed25519.pub").read_text(), 0o600)
        if data["mode"] == "real":
            for path, text in layers.real_files(host.release).items():
                host.write(path, text)
        else:
            host.write("/etc/resolv.conf", "")
        if data["repo"]:
            host.write("/etc/apt/keyrings/lockstep-lab.asc", (self.repo.www / "key.asc").read_text())
            host.write("/etc/apt/sources.list.d/lockstep-lab.sources", self.repo.sources())


def normalise_hosts(hosts: HostsWanted, release: str, disk: str) -> dict[str, dict[str, Any]]:
    """Name to {"release", "disk", "groups"} for any of the ways to ask for hosts; LabError on bad names or keys."""
    given = hosts if isinstance(hosts, Mapping) else {name: {} for name in hosts}
    found = {}
    for name, wish in given.items():
        wish = {"base": wish} if isinstance(wish, str) else dict(wish or {})
        unknown = set(wish) - {"base", "disk", "groups"}
        if unknown:
            raise LabError(f"host {name}: unknown setting {', '.join(sorted(unknown))}", "use base, disk, groups")
        size = wish.get("disk", disk)
        if size:
            disks.parse_size(size)
        found[check_name("host", name)] = {
            "release": bases.recipe_for(wish.get("base") or release).release,
            "disk": size,
            "groups": list(wish.get("groups", [])),
        }
    if not found:
        raise LabError("a lab needs at least one host", "name some: --host test1@ring_test --host prod1@ring_production")
    return found


def merge_groups(hosts: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Groups asked for by group and by host, together; LabError for a member that is no host."""
    merged = {group: list(members) for group, members in groups.items()}
    for name, entry in hosts.items():
        for group in entry["groups"]:
            merged.setdefault(group, []).append(name)
    for group, members in merged.items():
        strangers = [name for name in members if name not in hosts]
        if strangers:
            raise LabError(f"group {group} names hosts that the lab does not have: {', '.join(strangers)}")
    return {group: list(dict.fromkeys(members)) for group, members in merged.items()}


def _together(work: Callable[[Host], Any], hosts: Sequence[Host]) -> None:
    """Do work for all hosts at the same time; the first LabError is raised when all have ended."""
    with ThreadPoolExecutor(max_workers=max(1, min(16, len(hosts)))) as pool:
        for future in [pool.submit(work, host) for host in hosts]:
            future.result()

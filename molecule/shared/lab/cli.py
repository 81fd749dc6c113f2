# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Command line of the lab. Exit status: 0 done, 1 failed, 2 wrong usage, 3 this machine cannot run it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from . import check, families, layers, state, teardown
from .catalogue import Faults
from .errors import LabError
from .fleet import Lab
from .hosts import Host
from .inventory import ssh_options
from .wishes import MODES

CANNOT_RUN = 3


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.work(arguments) or 0)
    except LabError as exc:
        print(f"lab: {exc}", file=sys.stderr)
        return 1
    except PermissionError as exc:
        print(f"lab: not allowed: {exc.filename}\n  next: run it as root (sudo)", file=sys.stderr)
        return CANNOT_RUN
    except KeyboardInterrupt:
        print("lab: interrupted; 'lab.py down' takes away what was made", file=sys.stderr)
        return 130


def parse_host(text: str) -> tuple[str, dict[str, Any]]:
    """'NAME[:BASE][@GROUP]...' as name and settings."""
    head, *groups = text.split("@")
    name, _sep, base = head.partition(":")
    return name, {**({"base": base} if base else {}), "groups": groups}


def parser() -> argparse.ArgumentParser:
    """All commands and options."""
    top = argparse.ArgumentParser(prog="lab.py", description="Real systemd hosts on this machine, reached over SSH.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, work: Any, help_text: str, host: bool = False) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_text, description=help_text)
        command.add_argument("--name", default="lab", help="name of the lab (default: lab)")
        if host:
            command.add_argument("host")
        command.set_defaults(work=work)
        return command

    up = add("up", _up, "bring hosts up; run again it adds hosts and starts those that are off")
    up.add_argument("--mode", choices=MODES, default="hermetic")
    up.add_argument("--host", action="append", required=True, metavar="NAME[:BASE][@GROUP]...", dest="hosts")
    up.add_argument(
        "--release",
        choices=[*families.RELEASES, *families.OTHERS],
        default="bookworm",
        help="release of hosts that name none",
    )
    up.add_argument("--disk", default="", help="size of each host's disk, such as 600M (default: no limit)")
    up.add_argument("--package", action="append", default=[], help="one more package in the base")
    up.add_argument(
        "--warm", choices=("lists", "files", "no"), default="lists", help="what real hosts have fetched already"
    )
    up.add_argument("--repo", action=argparse.BooleanOptionalAction, help="give real hosts the lab's repository too")
    up.add_argument("--publish", action="append", metavar="VERSION", help="versions of the lab packages (1.0 and 1.1)")
    up.add_argument("--no-install", action="store_true", help="do not install packages that the lab needs")
    add("down", _down, "take a lab away").add_argument(
        "--all", action="store_true", help="all labs, and what is left of any"
    )
    add("status", _status, "list labs and hosts")
    inventory = add("inventory", _inventory, "print the path of the inventory")
    inventory.add_argument("--json", action="store_true", help="print key file and addresses instead")
    run = add("exec", _exec, "run a command in a host, without SSH or network", host=True)
    run.add_argument("command", nargs=argparse.REMAINDER)
    add("ssh", _ssh, "log in", host=True).add_argument("command", nargs=argparse.REMAINDER)
    for name, help_text in {
        "power-off": "shut a host down", "power-on": "boot a host", "kill": "pull a host's power",
        "reboot": "reboot a host", "cut": "pull a host's network cable", "restore": "put the cable back",
    }.items():  # fmt: skip
        add(name, _power, help_text, host=True).set_defaults(verb=name)
    publish = add("publish", _publish, "publish standard packages in a version")
    publish.add_argument("version")
    publish.add_argument("packages", nargs="*", help="default: all standard packages")
    publish.add_argument("--broken", action="store_true", help="lab-broken's script fails in this version")
    publish.add_argument("--slow", type=int, default=0, metavar="SECONDS", help="lab-slow takes so long")
    withdraw = add("withdraw", _withdraw, "remove a package from the repository")
    withdraw.add_argument("package")
    withdraw.add_argument("version", nargs="?", default="")
    add("reset", _reset, "put a host back to what it was after up", host=True)
    add("prune", _prune, "remove cached bases, layers and packages that no lab uses")
    can_run = add("check", _check, "can this machine run the lab? says what is missing and what to do")
    can_run.add_argument("--install", action="store_true", help="install missing packages first (root, Debian)")
    can_run.add_argument("--virtual", action="store_true", help="ask for virtual machines too")
    return top


def _say(line: str) -> None:
    print(f"lab: {line}", flush=True)


def _lab(arguments: argparse.Namespace) -> Lab:
    return Lab(arguments.name, say=_say)


def _up(arguments: argparse.Namespace) -> int:
    hosts = dict(parse_host(text) for text in arguments.hosts)
    virtual = any(families.of(wish.get("base") or arguments.release).virtual for wish in hosts.values())
    if not arguments.no_install and os.geteuid() == 0:
        check.install_missing(_say, virtual)
    if _check(arguments, only_problems=True, virtual=virtual):
        return CANNOT_RUN
    lab = _lab(arguments)
    warm = arguments.warm if arguments.warm == "files" else arguments.warm == "lists"
    lab.up(hosts, arguments.mode, release=arguments.release, disk=arguments.disk, packages=arguments.package,
           warm=warm, repo=arguments.repo, publish=arguments.publish or ("1.0", "1.1"), install=False)  # fmt: skip
    print(f"inventory: {lab.inventory}")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    names = teardown.all_labs() if arguments.all else [arguments.name]
    for name in names:
        _say(f"{name} is down" if Lab(name).down() else f"{name} was not up")
    if arguments.all:
        for item in teardown.sweep_orphans():
            _say(f"removed {item}, which no lab had any more")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    names = teardown.all_labs()
    if not names:
        print("no lab is up")
    for name in names:
        lab = Lab(name)
        data = state.load(lab.names)
        print(f"{name}: {data.get('mode', 'incomplete')}, {data.get('subnet', 'no network')}, {lab.names.state}")
        for host in lab.hosts.values() if data else ():
            groups = [g for g, members in data["groups"].items() if host.name in members]
            print(f"  {host.name:16} {host.address:15} {host.release:9} {_power_word(host)} {' '.join(groups)}")
    return 0


def _power_word(host: Host) -> str:
    return "on " if host.is_on() else "off"


def _inventory(arguments: argparse.Namespace) -> int:
    lab = _lab(arguments)
    hosts = {name: entry["address"] for name, entry in lab.state["hosts"].items()}
    key = str(lab.names.state / "id_ed25519")
    print(json.dumps({"hosts": hosts, "key": key}) if arguments.json else lab.inventory)
    return 0


def _command(arguments: argparse.Namespace) -> list[str]:
    words = arguments.command
    return list(words[1:] if words[:1] == ["--"] else words)


def _exec(arguments: argparse.Namespace) -> int:
    done = _lab(arguments).host(arguments.host).run(_command(arguments) or ["true"], check=False, timeout=None)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


def _ssh(arguments: argparse.Namespace) -> int:
    lab = _lab(arguments)
    host = lab.host(arguments.host)
    key = str(lab.names.state / "id_ed25519")
    argv = ["ssh", *ssh_options(lab.names), "-i", key, f"root@{host.address}", *_command(arguments)]
    os.execvp("ssh", argv)


def _power(arguments: argparse.Namespace) -> int:
    verbs: dict[str, Callable[[Host], None]] = {
        "power-off": Host.power_off, "power-on": Host.power_on, "kill": Host.kill, "reboot": Host.reboot,
        "cut": Host.cut_network, "restore": Host.restore_network,
    }  # fmt: skip
    verbs[arguments.verb](_lab(arguments).host(arguments.host))
    return 0


def _reset(arguments: argparse.Namespace) -> int:
    _lab(arguments).reset(arguments.host)
    return 0


def _prune(_arguments: argparse.Namespace) -> int:
    for path in layers.prune():
        _say(f"removed {path}")
    return 0


def _publish(arguments: argparse.Namespace) -> int:
    repo = _lab(arguments).repo
    faults = Faults(broken=arguments.version if arguments.broken else "", slow_seconds=arguments.slow)
    repo.publish_standard(arguments.version, faults, only=arguments.packages)
    print("\n".join(repo.published()))
    return 0


def _withdraw(arguments: argparse.Namespace) -> int:
    repo = _lab(arguments).repo
    repo.withdraw(arguments.package, arguments.version)
    print("\n".join(repo.published()))
    return 0


def _check(arguments: argparse.Namespace, only_problems: bool = False, virtual: bool = False) -> int:
    virtual = virtual or getattr(arguments, "virtual", False)
    if getattr(arguments, "install", False):
        check.install_missing(_say, virtual)
    found = check.problems(virtual)
    for problem in found:
        print(f"missing: {problem.what}\n  next: {problem.todo}")
    if found:
        print("this machine cannot run the lab yet")
        return CANNOT_RUN
    if not only_problems:
        print("this machine can run the lab")
    return 0

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The package managers that can be looked at. A provider is imported only where it could fit."""

from typing import Any, Callable, List, NamedTuple, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import parse_os_release
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Reader
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host


class Provider(NamedTuple):
    """systems: the ids of /etc/os-release (ID, ID_LIKE) that it is the package manager of; commands: one of them must
    be there; reader: imports and returns its class."""

    name: str
    systems: Tuple[str, ...]
    commands: Tuple[str, ...]
    reader: Callable[[], Any]


def _apt() -> Any:
    from ansible_collections.lockstep.patching.plugins.module_utils._provider.apt.reader import AptReader

    return AptReader


def _dnf() -> Any:
    from ansible_collections.lockstep.patching.plugins.module_utils._provider.dnf.reader import DnfReader

    return DnfReader


def _dnf5() -> Any:
    from ansible_collections.lockstep.patching.plugins.module_utils._provider.dnf5.reader import Dnf5Reader

    return Dnf5Reader


def _zypper() -> Any:
    from ansible_collections.lockstep.patching.plugins.module_utils._provider.zypper.reader import ZypperReader

    return ZypperReader


def _pacman() -> Any:
    from ansible_collections.lockstep.patching.plugins.module_utils._provider.pacman import PacmanReader

    return PacmanReader


PROVIDERS = (
    Provider("apt", ("debian", "ubuntu"), ("apt-get",), _apt),
    Provider("dnf", ("fedora", "rhel", "centos", "amzn", "ol", "mageia"), ("dnf-3", "dnf"), _dnf),
    Provider("dnf5", ("fedora",), ("dnf5",), _dnf5),
    Provider("zypper", ("suse", "opensuse", "sles"), ("zypper",), _zypper),
    Provider("pacman", ("arch",), ("pacman-conf",), _pacman),
)
"""In the order in which they are tried where the system's own is not known."""


def reader(host: Host) -> Optional[Reader]:
    """Return the reader of this host's package manager, or None when none of them fits."""
    fields = parse_os_release(host.read_or("/etc/os-release") or host.read_or("/usr/lib/os-release"))
    for provider in ordered([fields.get("ID", "")] + fields.get("ID_LIKE", "").split()):
        if any(host.which(command) for command in provider.commands):
            found = provider.reader().detect(host)
            if found is not None:
                return found
    return None


def ordered(systems: List[str]) -> List[Provider]:
    """The system's own package manager first: another one may be there as a tool for building images."""
    return sorted(PROVIDERS, key=lambda provider: not set(provider.systems) & set(systems))

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The package managers that can carry out a plan, and those that can fetch its files."""

from typing import Any, Callable, Dict, NamedTuple, Optional

from ansible_collections.lockstep.patching.plugins.module_utils._provider import registry
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Files, Writer
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host


class Parts(NamedTuple):
    """Each imports and returns a class."""

    writer: Callable[[], Any]
    files: Callable[[], Any]


def _apt_writer() -> Any:
    from ansible_collections.lockstep.patching.plugins.module_utils._provider.apt_write import AptWriter

    return AptWriter


def _apt_files() -> Any:
    from ansible_collections.lockstep.patching.plugins.module_utils._provider.apt_write_files import AptFiles

    return AptFiles


def _dnf_writer() -> Any:
    from ansible_collections.lockstep.patching.plugins.module_utils._provider.dnf.writer import DnfWriter

    return DnfWriter


def _dnf_files() -> Any:
    from ansible_collections.lockstep.patching.plugins.module_utils._provider.dnf.files import DnfFiles

    return DnfFiles


def _zypper_writer() -> Any:
    from ansible_collections.lockstep.patching.plugins.module_utils._provider.zypper.writer import ZypperWriter

    return ZypperWriter


def _zypper_files() -> Any:
    from ansible_collections.lockstep.patching.plugins.module_utils._provider.zypper.files import ZypperFiles

    return ZypperFiles


def _pacman_writer() -> Any:
    from ansible_collections.lockstep.patching.plugins.module_utils._provider.pacman import PacmanWriter

    return PacmanWriter


def _pacman_files() -> Any:
    from ansible_collections.lockstep.patching.plugins.module_utils._provider.pacman import PacmanFiles

    return PacmanFiles


PARTS: Dict[str, Parts] = {
    "apt": Parts(_apt_writer, _apt_files),
    "dnf": Parts(_dnf_writer, _dnf_files),
    "zypper": Parts(_zypper_writer, _zypper_files),
    "pacman": Parts(_pacman_writer, _pacman_files),
}
"""By the name of the provider."""


def manager_of(host: Host) -> Optional[str]:
    """The name of the host's package manager, if it can carry out a plan."""
    reader = registry.reader(host)
    return reader.name if reader is not None and reader.name in PARTS else None


def writer(name: str, host: Host, files_dir: str, control_dir: str) -> Writer:
    """The writer of that name; raise KeyError for a name that manager_of() does not give."""
    found: Writer = PARTS[name].writer()(host, files_dir, control_dir)
    return found


def files(name: str, host: Host, timeout: float) -> Files:
    """What fetches files for the writer of that name; raise KeyError likewise."""
    found: Files = PARTS[name].files()(host, timeout)
    return found

# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cached base roots: one installed Debian per recipe, never written to again."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from . import families
from .aptsources import machine_archives
from .errors import LabError
from .names import cache_dir
from .shell import CONTAINED, locked, remove_tree, run, tail, write_atomic

PACKAGES = (
    # what makes it a host that Ansible reaches
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "python3", "python3-apt", "iproute2",
    # what a plain server has, with services and libraries that get security updates
    "sudo", "procps", "cron", "rsyslog", "nginx", "openssl", "ca-certificates", "rsync", "xz-utils",
)  # fmt: skip

MASKED = (
    # no devices of their own, no consoles, and nothing that changes packages or clocks behind a test's back
    "systemd-udevd.service", "systemd-udevd-kernel.socket", "systemd-udevd-control.socket",
    "systemd-udev-trigger.service", "systemd-udev-settle.service", "systemd-hwdb-update.service",
    "systemd-modules-load.service", "systemd-networkd.service", "systemd-networkd.socket",
    "systemd-networkd-wait-online.service", "systemd-resolved.service", "systemd-timesyncd.service",
    "systemd-firstboot.service", "systemd-journal-catalog-update.service", "console-getty.service", "getty.target",
    "apt-daily.service", "apt-daily.timer", "apt-daily-upgrade.service", "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "logrotate.timer",
    "man-db.timer",
)  # fmt: skip

SETUP = """\
set -e
systemctl mask -q {masked} 2>/dev/null
ssh-keygen -q -A
install -d -m 700 /root/.ssh
: > /etc/machine-id
rm -f /var/lib/dbus/machine-id /etc/hostname /etc/resolv.conf /etc/apt/sources.list /etc/apt/sources.list.d/*
printf 'APT::Periodic::Enable "0";\\n' > /etc/apt/apt.conf.d/99lab-no-timers
printf 'LANG=C.UTF-8\\n' > /etc/default/locale
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/journal
"""


class Recipe(NamedTuple):
    """All that decides what a base holds. The day it is built is not part of it."""

    release: str
    packages: tuple[str, ...]
    setup: str
    suite: str

    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 of the recipe."""
        text = json.dumps([self.suite, sorted(self.packages), self.setup])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Base(NamedTuple):
    """A finished base: its recipe's digest, release, and the folders of cache entry and root."""

    digest: str
    release: str
    path: Path

    @property
    def root(self) -> Path:
        """Root folder; read-only by agreement."""
        return self.path / "root"

    def host_keys(self) -> list[str]:
        """Public host keys, 'type base64' each."""
        keys = sorted((self.root / "etc/ssh").glob("ssh_host_*_key.pub"))
        return [" ".join(key.read_text(encoding="utf-8").split()[:2]) for key in keys]


def recipe_for(release: str, extra_packages: Sequence[str] = ()) -> Recipe:
    """Recipe of a release; LabError when the lab does not know it."""
    family = families.of(release)
    packages = tuple(dict.fromkeys([*PACKAGES, *family.packages, *extra_packages]))
    return Recipe(release, packages, SETUP.format(masked=" ".join(MASKED)) + family.setup, family.suite)


def ensure_base(recipe: Recipe, say: Callable[[str], None]) -> Base:
    """Return the base of a recipe, building it (about 20 s) when it is not in the cache."""
    folder = cache_dir() / "bases" / f"{recipe.release}-{recipe.digest()}"
    base = Base(recipe.digest(), recipe.release, folder)
    if (folder / "recipe.json").is_file():
        return base
    with locked(cache_dir() / "locks" / f"base-{folder.name}"):
        if not (folder / "recipe.json").is_file():
            _build(recipe, folder, say)
    return base


def _build(recipe: Recipe, folder: Path, say: Callable[[str], None]) -> None:
    for stale in folder.parent.glob(f".{folder.name}.*"):
        remove_tree(stale)
    archives = machine_archives()
    work = folder.with_name(f".{folder.name}.{os.getpid()}")
    root = work / "root"
    work.mkdir(parents=True)
    started = time.monotonic()
    say(f"building the {recipe.release} base ({len(recipe.packages)} packages named; once, about 20 s)")
    command = [
        *CONTAINED, "mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(recipe.packages)}",
        *([f"--keyring={archives.keyring}"] if archives.keyring else []),
        recipe.suite, str(root), archives.main,
    ]  # fmt: skip
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        remove_tree(work)
        raise LabError(
            f"mmdebstrap could not build the {recipe.release} base from {archives.main}\n{tail(done.stderr)}",
            "see whether 'apt-get update' works on this machine, then try again",
        )
    run(["chroot", str(root), "sh", "-c", recipe.setup])
    write_atomic(work / "recipe.json", json.dumps(recipe._asdict(), indent=1) + "\n")
    os.rename(work, folder)
    say(f"built the {recipe.release} base in {time.monotonic() - started:.0f} s")

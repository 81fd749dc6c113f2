# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Default places, and which of them would vanish with a job's container."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import (
    LedgerError,
    default_store,
    default_url,
    environment,
    read_mountinfo,
    vanishes,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.problems import explain
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.urls import parse

AWX = {"AWX_PRIVATE_DATA_DIR": "/tmp/awx_12_x1", "JOB_ID": "12", "AWX_HOST": "https://awx"}
DISK = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n23 22 0:5 / /proc rw - proc proc rw\n"
CONTAINER = (
    "600 550 0:52 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/a,upperdir=/var/lib/b\n"
    "601 600 0:55 / /proc rw - proc proc rw\n"
    "602 600 0:60 / /dev/shm rw - tmpfs shm rw\n"
    "603 600 8:1 /tmp/awx_12_x1 /runner rw,relatime - xfs /dev/sda1 rw\n"
    "604 600 8:1 /tmp/awx_12_x1/project /runner/project rw,relatime - xfs /dev/sda1 rw\n"
    "605 600 8:2 / /var/lib/lockstep\\040data rw,relatime - ext4 /dev/sdb1 rw\n"
    "606 603 8:2 / /runner/ledger rw,relatime - nfs4 server:/x rw\n"
)
DISK_IN_DOCKER = DISK + "24 22 8:1 /etc/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n"


@pytest.mark.parametrize(
    ("path", "mounts", "env", "gone"),
    [
        ("/root/.local/share/lockstep/ledger.db", CONTAINER, AWX, True),
        ("/runner/.local/share/lockstep/ledger.db", CONTAINER, AWX, True),
        ("/runner/project/ledger.db", CONTAINER, AWX, True),
        ("/runner/artifacts/ledger.db", CONTAINER, AWX, True),
        ("/dev/shm/ledger.db", CONTAINER, AWX, True),
        ("/var/lib/lockstep data/ledger.db", CONTAINER, AWX, False),
        ("/runner/ledger/ledger.db", CONTAINER, AWX, False),
        ("/runner/ledger/../x/ledger.db", CONTAINER, AWX, True),
        ("/runnerx/ledger.db", DISK, AWX, False),
        ("/root/ledger.db", CONTAINER, {"container": "podman"}, True),
        ("/root/ledger.db", CONTAINER, {"container": "oci"}, True),
        ("/root/ledger.db", CONTAINER, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, True),
        ("/root/ledger.db", CONTAINER, {"LAUNCHED_BY_RUNNER": "1"}, True),
        ("/root/ledger.db", CONTAINER, {"JOB_ID": "12", "INVENTORY_ID": "3"}, True),
        ("/root/ledger.db", CONTAINER, {"JOB_ID": "12"}, False),  # a batch scheduler sets it too
        ("/root/ledger.db", CONTAINER, {}, False),
        ("/root/ledger.db", CONTAINER, {"container": "systemd-nspawn"}, False),
        ("/root/ledger.db", DISK, AWX, False),
        ("/tmp/awx_12_x1/ledger.db", DISK, AWX, True),
        ("/root/ledger.db", DISK_IN_DOCKER, {}, False),
        ("/root/ledger.db", DISK_IN_DOCKER, {"container": "docker"}, False),
        ("/root/ledger.db", "", AWX, False),  # the system does not tell its mounts
    ],
)
def test_what_vanishes(path, mounts, env, gone):
    assert bool(vanishes(path, mounts, env)) is gone


@pytest.mark.parametrize(
    ("marks", "env", "container"),
    [
        ((), {}, None),
        (("run/.containerenv",), {}, "podman"),
        ((".dockerenv",), {}, "docker"),
        ((".dockerenv",), {"container": "systemd-nspawn"}, "systemd-nspawn"),  # what says it of itself is believed
    ],
)
def test_a_container_that_sets_no_variable_is_known_by_its_file(tmp_path, marks, env, container):
    (tmp_path / "run").mkdir()
    for mark in marks:
        (tmp_path / mark).touch()
    seen = environment({**env, "HOME": "/root"}, str(tmp_path))
    assert seen.get("container") == container
    assert seen["HOME"] == "/root"


def test_the_last_mount_on_a_place_counts():
    over = CONTAINER + "700 600 0:99 / /data rw - ext4 /dev/sdc rw\n701 600 0:98 / /data rw - tmpfs none rw\n"
    assert "/data is tmpfs" in vanishes("/data/ledger.db", over, AWX)


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({}, "sqlite:////home/ann/.local/share/lockstep/ledger.db"),
        ({"XDG_DATA_HOME": "/data"}, "sqlite:////data/lockstep/ledger.db"),
        ({"XDG_DATA_HOME": ""}, "sqlite:////home/ann/.local/share/lockstep/ledger.db"),
        ({"XDG_DATA_HOME": "relative"}, "sqlite:////home/ann/.local/share/lockstep/ledger.db"),
    ],
)
def test_default_places(env, url):
    assert default_url(env, "/home/ann") == url
    assert "sqlite:///" + default_store(env, "/home/ann") == url.replace("ledger.db", "store")


def test_a_default_that_would_vanish_is_refused_with_the_way_out():
    with pytest.raises(LedgerError) as caught:
        default_url(AWX, "/root", CONTAINER)
    assert "the default ledger would vanish" in str(caught.value)
    assert "lockstep_ledger=postgresql://" in caught.value.next_step
    assert "lockstep_ledger=sqlite:////mounted/path" in caught.value.next_step
    with pytest.raises(LedgerError, match="lockstep_store=/mounted/path"):
        default_store(AWX, "/root", CONTAINER)
    assert default_url(AWX, "/root", DISK).endswith("/root/.local/share/lockstep/ledger.db")


def test_this_machines_mounts_can_be_read():
    assert " - " in read_mountinfo()


def test_an_error_of_postgresql_is_explained_without_the_password():
    class Refused(Exception):
        sqlstate = "53100"

    error = explain(Refused("could not extend file"), parse("postgresql://u:secret@server/db"), 60)
    assert "disk is full" in str(error)
    assert "secret" not in str(error)

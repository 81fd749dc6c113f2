# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The acquire module on real hosts: what it fetches from where, what it keeps, and what it says when it can't."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet import Lab
from modules import PLAN, Modules

pytestmark = pytest.mark.lab

FILES = "/var/cache/lockstep/files"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(f"aq-{os.getpid()}") as made:
        made.up({"first": {}})
        yield made


@pytest.fixture
def on(lab: Lab, tmp_path: Path) -> Iterator[Callable[..., Modules]]:
    used: list[str] = []

    def boot(name: str, **options: str) -> Modules:
        lab.up({name: options})
        used.append(name)
        return Modules(lab, name, tmp_path)

    yield boot
    for name in used:
        lab.host(name).power_off()


def statuses(result: dict[str, Any]) -> dict[str, str]:
    return {line["package"]: line["status"] for line in result["lines"]}


def old(*names: str, version: str = "1.0") -> list[dict[str, str]]:
    return [{"name": name, "arch": "all", "version": version} for name in names]


def test_fetches_once_from_the_hosts_own_mirror(on: Callable[..., Modules]) -> None:
    """The host's indexes are from before 1.1 was published: acquire refreshes them when a version is not known."""
    host = on("first")
    host.host.run("rm -rf /var/lib/apt/lists/*")
    lines = host.lines("1.1", "lab-lib", "lab-conf")
    assert statuses(host.acquire(lines)) == {"lab-lib": "staged", "lab-conf": "staged"}
    sent = host.lab.repo.fetched(".deb")
    found = host.host.run(f"cd {FILES}; sha256sum ????????????????*; stat -c '%U %a' .").stdout
    for line in lines:
        assert f"{line['sha256']}  {line['sha256']}" in found
    assert found.endswith("root 755\n")
    again = host.acquire(lines, wanted_old=old("lab-lib", "lab-absent"))
    assert not any(line["reason"] for line in again["lines"])
    assert {row["name"]: bool(row["path"]) for row in again["old"]} == {"lab-lib": True, "lab-absent": False}
    assert "neither its repositories nor its caches" in again["old"][-1]["reason"]
    once = host.lab.repo.fetched(".deb")
    assert host.acquire(lines, wanted_old=old("lab-lib"))["changed"] is False
    assert (host.lab.repo.fetched(".deb") - once, once > sent) == (0, True)
    # a damaged file is found and fetched again
    host.host.run(f"echo x >> {FILES}/{lines[0]['sha256']}")
    assert statuses(host.acquire(lines))["lab-lib"] == "staged"
    assert host.lab.repo.fetched(".deb") > once
    # nothing was installed or marked
    assert host.host.version("lab-lib") == "1.0"


def test_check_mode_fetches_nothing(on: Callable[..., Modules]) -> None:
    host = on("check")
    result = host.acquire(host.lines("1.1", "lab-lib"), check=True)
    assert statuses(result) == {"lab-lib": "missing"} and result["changed"]
    assert host.host.run("ls -A /var/cache/lockstep /var/lib/lockstep", check=False).stdout == ""


def test_what_the_mirror_does_not_have_is_handed_over(on: Callable[..., Modules]) -> None:
    host = on("withdrawn")
    lines = host.lines("1.1", "lab-plain", "lab-slow", "lab-boot")
    plain = host.lab.repo.get("pool/main/lab-plain_1.1_all.deb")
    host.lab.repo.withdraw("lab-plain", "1.1")
    # the same version with other content: what the plan has not proved
    host.lab.repo.publish("lab-slow", "1.1", postinst="echo another build")
    host.lab.refresh("withdrawn")
    result = host.acquire(lines)
    assert statuses(result) == {"lab-plain": "missing", "lab-slow": "mismatch", "lab-boot": "staged"}
    reasons = {line["package"]: line["reason"] for line in result["lines"]}
    assert "do not offer this version" in reasons["lab-plain"] and "another SHA-256" in reasons["lab-slow"]

    part = host.host.path(f"{FILES}/{lines[0]['sha256']}.part")
    part.write_bytes(plain[:-1] + b"?")
    result = host.acquire(lines, mode="adopt")
    assert statuses(result)["lab-plain"] == "mismatch" and not part.exists()
    part.write_bytes(plain)
    result = host.acquire(lines, mode="adopt", wanted_old=old("lab-lib"))
    assert statuses(result) == {"lab-plain": "staged", "lab-slow": "missing", "lab-boot": "staged"}
    assert result["old"][0]["path"] is None
    assert host.transact(lines[:1])["outcome"] == "installed"
    host.lab.repo.publish_standard("1.1")


def test_folder_is_bounded(on: Callable[..., Modules]) -> None:
    host = on("bounded", disk="600M")
    first = host.lines("1.1", "lab-app")
    kept = host.acquire(first)["lines"][0]["sha256"]
    others = host.lines("1.1", "lab-lib", "lab-conf")
    result = host.acquire(others, max_bytes=22_000)
    assert set(statuses(result).values()) == {"staged"} and result["pruned"] == [kept]
    result = host.acquire(first, max_bytes=1000)
    assert result["outcome"] == "failed" and "the limit is" in result["error"]["what"]
    host.host.fill_disk(leave_bytes=10_000_000)
    result = host.acquire(first)
    assert result["outcome"] == "failed" and "MiB free" in result["error"]["what"]
    host.host.free_disk()


def test_token_of_an_older_run_fetches_nothing(on: Callable[..., Modules]) -> None:
    host = on("tokens")
    lines = host.lines("1.1", "lab-lib")
    host.acquire(lines, token=3)
    result = host.call("acquire", plan_id=PLAN, ledger_id="lab", token=2, lines=host.lines("1.1", "lab-conf"))
    assert result["outcome"] == "refused" and result["lines"] == []

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet of 10,000 hosts against real vulnerability data, beside a plain matcher that goes host by host.

Needs real data (LOCKSTEP_TEST_FEEDS). Hosts are made of the real package lists of the data and of this machine: 40
images of 500 to 1,500 packages, and every host has drifted from its image by up to 20 packages. Every measurement is a
process of its own, so that its memory is its own: seconds are of a clock and of the processor (what else runs on the
machine counts in the first only). The plain matcher takes each host, each package and each advisory of it in turn; it
gets a part of the fleet, is compared answer by answer, and its time is scaled up. Writes
tests/output/benchmark-feeds.json; exit status 1 above a limit.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import canonical
from ansible_collections.lockstep.patching.plugins.module_utils._parse.dpkg_status import parse_status
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.enrich import vulnerabilities
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.fleet import SECTIONS, HostFacts, match_fleet
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import open_feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.matcher import Matcher
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, schema
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import DEB, RPM, compare

CHECKOUT = Path(__file__).resolve().parents[2]
NOW_MS = time.time_ns() // 1_000_000
LIMITS = {"cold": 60.0, "warm": 10.0, "change": 5.0, "memory": 1024.0, "double": 1.3}
IMAGES, PLAIN_HOSTS = 40, 200
SYSTEMS = [("debian", "12"), ("debian", "13"), ("almalinux", "9.4"), ("debian", "11"), ("almalinux", "8.10")]
Row = dict[str, Any]


def fixes(feeds: Path, ecosystem: str) -> dict[str, list[str]]:
    """Package -> its real versions, as advisories name them."""
    found: dict[str, set[str]] = {}
    for path in sorted((feeds / "osv").glob(f"{ecosystem.partition(':')[0]}*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                for entry in json.loads(archive.read(name))["affected"]:
                    if entry["package"]["ecosystem"] == ecosystem:
                        version = entry["ranges"][0]["events"][1]["fixed"]
                        if ".module" not in version:
                            found.setdefault(entry["package"]["name"], set()).add(version)
    return {name: sorted(versions) for name, versions in sorted(found.items())}


def row(name: str, version: str, deb: bool) -> Row:
    return {
        "name": name,
        "arch": "amd64" if deb else "x86_64",
        "version": version,
        "source": name,
        "source_version": version,
        "auto": False,
        "status": "installed",
    }


def pools(feeds: Path) -> dict[str, dict[str, list[Row]]]:
    """System -> package -> rows that a host may have."""
    status = Path("/var/lib/dpkg/status")
    machine = parse_status(status.read_text(errors="replace"), set())[0] if status.exists() else []
    made = {}
    for name, version in SYSTEMS:
        deb = name == "debian"
        ecosystem = f"{'Debian' if deb else 'AlmaLinux'}:{version.partition('.')[0]}"
        pool = {key: [row(key, each, deb) for each in known] for key, known in fixes(feeds, ecosystem).items()}
        if deb:
            known = fixes(feeds, ecosystem)
            for package in machine:
                here = dict(package._asdict())
                others = known.get(package.source, [])[-6:]
                pool[package.name] = [here, *({**here, "version": v, "source_version": v} for v in others)]
        made[f"{name} {version}"] = pool
    return made


def hosts(feeds: Path, count: int) -> Iterator[tuple[str, Row, list[Row]]]:
    """(name, section os, section packages)."""
    some, made = random.Random(2026), pools(feeds)
    images = []
    for number in range(IMAGES):
        name, version = SYSTEMS[number % len(SYSTEMS)]
        pool = made[f"{name} {version}"]
        size = min(some.randint(500, 1500), len(pool))
        chosen = {key: some.randrange(len(pool[key])) for key in some.sample(sorted(pool), size)}
        images.append(({"id": name, "version": version, "codename": ""}, pool, chosen))
    for number in range(count):
        system, pool, chosen = images[number % IMAGES]
        drifted = dict(chosen)
        for key in some.sample(sorted(chosen), some.randint(0, 20)):
            drifted[key] = some.randrange(len(pool[key]))
        yield f"host{number:05}", system, [pool[key][at] for key, at in sorted(drifted.items())]


def packed(value: Any) -> dict[str, Any]:
    plain = canonical(value).encode()
    return {"digest": hashlib.sha256(plain).hexdigest(), "size": len(plain), "packed": zlib.compress(plain, 1)}


def write_ledger(path: Path, feeds: Path, count: int) -> None:
    """A ledger that has looked at every host once."""
    with Ledger.open(f"sqlite:///{path}") as ledger:
        ledger.begin_run("default", "detect", "bench", None, "bench", None, NOW_MS)
        known: set[str] = set()
        batch: list[tuple[str, dict[str, dict[str, Any]]]] = []
        for name, system, packages in hosts(feeds, count):
            boot = {"boot_id": name, "kernel_running": "6.1.0-50-amd64"}
            batch.append((name, {"os": packed(system), "boot": packed(boot), "packages": packed(packages)}))
            if len(batch) == 500:
                write_hosts(ledger, batch, known)
                batch = []
        write_hosts(ledger, batch, known)


def write_hosts(ledger: Ledger, batch: list[tuple[str, dict[str, dict[str, Any]]]], known: set[str]) -> None:
    if not batch:
        return
    with ledger.database.write() as connection:
        contents = {item["digest"]: item for _name, sections in batch for item in sections.values()}
        new = [item for digest, item in contents.items() if digest not in known]
        known.update(contents)
        connection.execute(sa.insert(schema.content), new)
        for name, sections in batch:
            about = {"fleet": "default", "name": name, "incarnation": 1, "fingerprint": "{}", "look_ms": NOW_MS}
            done = connection.execute(sa.insert(schema.hosts).values(**about))
            key = done.inserted_primary_key[0]
            rows = [{"host_id": key, "section": name, "digest": item["digest"]} for name, item in sections.items()]
            connection.execute(sa.insert(schema.sections), rows)


def match(folder: Path, feeds: Path, ledger_path: Path, cache: str) -> dict[str, Any]:
    opened = open_feeds(str(feeds), str(folder / cache), NOW_MS)
    with Ledger.open(f"sqlite:///{ledger_path}", create=False) as ledger:
        facts = [HostFacts(each.host, each.digests) for each in ledger.inventory("default", SECTIONS)]
        found = match_fleet(Matcher(opened), facts, ledger.contents_of, str(folder / cache))
    ids = {answer.id for answers in found.answers.values() for answer in answers}
    about = vulnerabilities(opened, ids)
    return {
        "hosts": len(found.listed),
        "distinct": len(found.subjects),
        "vulnerabilities": len(about),
        "exploited": sum(1 for each in about.values() if each.kev),
    }


def plain(folder: Path, feeds: Path, ledger_path: Path, cache: str) -> dict[str, Any]:
    """Host by host, package by package, advisory by advisory; what it finds is compared with the other's answers."""
    advisories: dict[tuple[str, str], list[tuple[str, list[str]]]] = {}
    for path in sorted((feeds / "osv").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                document = json.loads(archive.read(name))
                bugs = document["id"].startswith(("ALBA", "ALEA"))
                ids = document.get("upstream") or document.get("related") or ([] if bugs else [document["id"]])
                lowest: dict[tuple[str, str], str] = {}
                for entry in document["affected"]:
                    key = (entry["package"]["ecosystem"], entry["package"]["name"])
                    version = entry["ranges"][0]["events"][1]["fixed"]
                    scheme = DEB if key[0].startswith("Debian") else RPM
                    if key not in lowest or compare(version, lowest[key], scheme) < 0:
                        lowest[key] = version
                for key, version in lowest.items():
                    advisories.setdefault(key, []).append((version, ids))
    mine: dict[str, set[tuple[str, str]]] = {}
    began = time.process_time()
    with Ledger.open(f"sqlite:///{ledger_path}", create=False) as ledger:
        names = [each.host for each in ledger.inventory("default", ["os"])][:PLAIN_HOSTS]
        for host, state in ledger.states("default", names, ["os", "packages"]):
            system = state["sections"]["os"]
            deb = system["id"] == "debian"
            ecosystem = f"{'Debian' if deb else 'AlmaLinux'}:{system['version'].partition('.')[0]}"
            found = mine.setdefault(host, set())
            for package in state["sections"]["packages"]:
                key = package["source"] if deb else package["name"]
                version = package["source_version"] if deb else package["version"]
                for fixed, ids in advisories.get((ecosystem, key), ()):
                    if ".module" in fixed or compare(version, fixed, DEB if deb else RPM) >= 0:
                        continue
                    found.update((key, cve) for cve in ids)
        spent = time.process_time() - began
        opened = open_feeds(str(feeds), str(folder / cache), NOW_MS)
        facts = [HostFacts(each.host, each.digests) for each in ledger.inventory("default", SECTIONS)][:PLAIN_HOSTS]
        other = match_fleet(Matcher(opened), facts, ledger.contents_of, str(folder / cache))
    for host in other.listed:
        theirs = {(other.subjects[n].package, answer.id) for n in other.of(host) for answer in other.answers[n]}
        if theirs != mine[host]:
            raise SystemExit(f"{host}: the matchers differ: {sorted(theirs ^ mine[host])[:5]}")
    return {"hosts": len(mine), "loop": spent, "open": sum(len(found) for found in mine.values())}


def measured(phase: str, *arguments: str) -> dict[str, Any]:
    """Run one measurement as a process of its own."""
    command = [sys.executable, __file__, "--phase", phase, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{phase} failed:\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def changed_copy(feeds: Path, folder: Path) -> Path:
    """The feeds of the next day: other scores for every CVE, and one more advisory."""
    copy = folder / "feeds"
    shutil.copytree(feeds, copy)
    (scores,) = copy.glob("epss*.csv.gz")
    text = gzip.decompress(scores.read_bytes()).decode().replace("score_date:2026-08-16", "score_date:2026-08-17")
    scores.write_bytes(gzip.compress(text.replace(",0.00", ",0.01").encode(), 1))
    return copy


def phase(name: str, arguments: list[str]) -> None:
    began, used = time.monotonic(), time.process_time()
    run = {"match": match, "plain": plain}[name]
    result = run(Path(arguments[0]), Path(arguments[1]), Path(arguments[2]), arguments[3])
    result["seconds"], result["processor"] = time.monotonic() - began, time.process_time() - used
    result["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


def show(what: str, result: dict[str, Any]) -> None:
    print(
        f"{what:34} {result['seconds']:7.1f} s  {result['processor']:7.1f} s processor  {result['memory']:6.0f} MiB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--phase", nargs="+", help="one measurement, for the process that makes it")
    options, rest = parser.parse_known_args()
    if options.phase:
        phase(options.phase[0], options.phase[1:] + rest)
        return
    feeds = Path(os.environ.get("LOCKSTEP_TEST_FEEDS") or CHECKOUT.parent / "shared" / "feeds")
    if not (feeds / "osv").is_dir():
        sys.exit("no real vulnerability data: LOCKSTEP_TEST_FEEDS names no folder of them")
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-", dir=os.environ.get("TMPDIR", "/var/tmp")) as name:
        folder = Path(name)
        one, two = folder / "one.db", folder / "two.db"
        write_ledger(one, feeds, options.hosts)
        results = {"cold": measured("match", name, str(feeds), str(one), "cache")}
        show(f"cold, {options.hosts} hosts", results["cold"])
        results["warm"] = measured("match", name, str(feeds), str(one), "cache")
        show("warm", results["warm"])
        copy = changed_copy(feeds, folder)
        shutil.rmtree(folder / "cache")
        measured("match", name, str(copy), str(one), "cache")
        (scores,) = copy.glob("epss*.csv.gz")
        shutil.copy(next(feeds.glob("epss*.csv.gz")), scores)
        results["change"] = measured("match", name, str(copy), str(one), "cache")
        show("after another day's EPSS scores", results["change"])
        results["plain"] = measured("plain", name, str(copy), str(one), "cache")
        write_ledger(two, feeds, 2 * options.hosts)
        measured("match", name, str(copy), str(two), "cache")
        results["twice"] = measured("match", name, str(copy), str(two), "cache")
        show(f"warm, {2 * options.hosts} hosts", results["twice"])
    scaled = results["plain"]["loop"] / results["plain"]["hosts"] * options.hosts
    double = results["twice"]["processor"] / results["warm"]["processor"]
    print(f"twice the hosts                    {double:7.2f} times the processor time")
    print(f"plain, host by host                {scaled:7.1f} s processor ({PLAIN_HOSTS} hosts measured, same answers)")
    print(json.dumps({key: results["warm"][key] for key in ("hosts", "distinct", "vulnerabilities")}))
    output = CHECKOUT / "tests" / "output"
    output.mkdir(parents=True, exist_ok=True)
    summary = {**results, "double": double, "plain_scaled": scaled, "limits": LIMITS}
    (output / "benchmark-feeds.json").write_text(json.dumps(summary, indent=1) + "\n")
    # one process each, so on a machine with nothing else to do the clock says the same
    seconds = {name: results[name]["processor"] for name in ("cold", "warm", "change")}
    memory = max(results[name]["memory"] for name in ("cold", "warm", "change", "twice"))
    over = [name for name, value in {**seconds, "memory": memory, "double": double}.items() if value > LIMITS[name]]
    sys.exit(f"above the limit: {', '.join(over)}" if over else 0)


if __name__ == "__main__":
    main()

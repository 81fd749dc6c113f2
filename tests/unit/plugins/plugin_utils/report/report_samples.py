# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small fleet of Debian 12 hosts, with the names and versions of the archive, and one of any size for
measurements."""

from __future__ import annotations

import random

DAY = 86_400_000
HOUR = 3_600_000
NOW = 1_795_222_800_000  # 2026-11-21 01:00 UTC
DETECT_CLOSING = "done: looked at 6 hosts; 1 did not answer and 1 only in part, see what is not known"
PLATFORM = "debian-12-amd64-1a2b3c4d"
SECURITY = [
    {
        "origin": "Debian",
        "label": "Debian-Security",
        "suite": "stable-security",
        "codename": "bookworm-security",
        "component": "main",
    }
]
MAIN = [{"origin": "Debian", "label": "Debian", "suite": "stable", "codename": "bookworm", "component": "main"}]
CANDIDATES = (
    ("openssl", "openssl", "3.0.15-1~deb12u1", "3.0.17-1~deb12u2", True),
    ("libssl3", "openssl", "3.0.15-1~deb12u1", "3.0.17-1~deb12u2", True),
    ("libc6", "glibc", "2.36-9+deb12u8", "2.36-9+deb12u10", True),
    ("linux-image-amd64", "linux-signed-amd64", "6.1.119-1", "6.1.140-1", True),
    ("base-files", "base-files", "12.4+deb12u8", "12.4+deb12u11", False),
    ("tzdata", "tzdata", "2024b-0+deb12u1", "2025b-0+deb12u1", False),
)


def candidate(name, source, installed, version, security, **more):
    base = {
        "name": name,
        "arch": "amd64",
        "action": "upgrade",
        "installed": installed,
        "version": version,
        "source": source,
        "source_version": version,
        "origins": SECURITY if security else MAIN,
        "security": security,
        "size": 1434000,
        "sha256": "ab" * 32,
        "filename": f"pool/{name}.deb",
        "phased": None,
        "kept_back": None,
        "age_ms": None,
    }
    return {**base, **more}


def sections(candidates=CANDIDATES, reboot="no", outdated=(), holds=(), patched=NOW - 40 * DAY, missing=None):
    pending = [candidate(*item) for item in candidates]
    return {
        "os": {"id": "debian", "version": "12", "codename": "bookworm", "name": "Debian GNU/Linux 12", "arch": "amd64"},
        "boot": {
            "boot_id": "6f9c",
            "kernel_running": "6.1.0-28-amd64",
            "kernel_newest": "6.1.0-28-amd64",
            "kernel": "own",
            "kernel_reason": None,
        },
        "manager": {"name": "apt", "version": "2.6.1", "health": "ok", "problems": []},
        "packages": [
            {"name": item["name"], "arch": "amd64", "version": item["installed"], "status": "installed"}
            for item in pending
        ],
        "candidates": pending,
        "holds": list(holds),
        "indexes": [{"codename": "bookworm-security", "state": "ok", "fetched_ms": NOW - 2 * HOUR, "problem": None}],
        "reboot": {
            "needed": reboot,
            "reasons": [{"signal": "kernel", "text": "a newer kernel is installed than runs"}] * (reboot == "yes"),
            "unknown": ["run_reboot_required"] * (reboot == "unknown"),
        },
        "services": {"outdated": list(outdated), "complete": True, "reason": None},
        "history": {
            "sources": [],
            "complete_from_ms": NOW - 300 * DAY,
            "last_patched_ms": patched,
            "events": [],
            "missing": missing,
        },
    }


def state(host, groups=("ring_production",), answer=None, **more):
    found = sections(**more)
    security = sum(item["security"] for item in found["candidates"])
    return {
        "host": host,
        "groups": list(groups),
        "seen_ms": NOW - HOUR,
        "reachable": True,
        "error": None,
        "platform": PLATFORM,
        "incarnation": 1,
        "answer": answer or {"pending": len(found["candidates"]), "security": security, "unknown": []},
        "sections": found,
    }


def stale(host):
    reason = {
        "what": "candidates",
        "why": "the index of bookworm-security is 34 days old (limit 7 days)",
        "next": f"run apt-get update on {host} and look at its sources",
    }
    made = state(
        host,
        answer={"pending": None, "security": None, "unknown": [reason]},
        patched=None,
        missing="/var/log/dpkg.log is empty",
    )
    made["sections"]["indexes"][0].update(state="stale", fetched_ms=NOW - 34 * DAY, problem="Valid-Until has passed")
    return made


def gone(host):
    return {
        "host": host,
        "groups": ["ring_production"],
        "seen_ms": NOW - 9 * DAY,
        "reachable": False,
        "error": "ssh: connect to host 10.0.0.16 port 22: No route to host",
        "platform": PLATFORM,
        "incarnation": 1,
        "answer": None,
        "sections": {},
    }


def fleet():
    nginx = {
        "pid": 812,
        "process": "nginx",
        "unit": "nginx.service",
        "user": "root",
        "files": ["/usr/lib/x86_64-linux-gnu/libssl.so.3"],
    }
    hold = {
        "name": "postgresql-15",
        "arch": "amd64",
        "kind": "hold",
        "reason": "vendor certifies 15.8 only",
        "where": "dpkg selections",
    }
    return [
        state("test1", ["ring_test"], candidates=(), patched=NOW - 2 * DAY),
        state("test2", ["ring_test"], candidates=CANDIDATES[4:], reboot="yes", patched=NOW - 12 * DAY),
        state("web1", reboot="yes", outdated=[nginx]),
        state("db1", holds=[hold], patched=NOW - 120 * DAY),
        stale("db2"),
        gone("web2"),
    ]


def drift():
    rows = [
        {
            "host": "web1",
            "package": "openssl",
            "arch": "amd64",
            "version": "3.0.16-1~deb12u1",
            "ms": NOW - 60 * DAY,
            "from_version": "3.0.15-1~deb12u1",
        },
        {
            "host": "db1",
            "package": "openssl",
            "arch": "amd64",
            "version": "3.0.16-1~deb12u1",
            "ms": NOW - 58 * DAY,
            "from_version": "3.0.15-1~deb12u1",
        },
        {
            "host": "db1",
            "package": "curl",
            "arch": "amd64",
            "version": "7.88.1-10+deb12u12",
            "ms": NOW - 30 * DAY,
            "from_version": "7.88.1-10+deb12u8",
        },
    ]
    gaps = [{"host": "db2", "why": "/var/log/dpkg.log is empty", "from_ms": NOW - 182 * DAY, "to_ms": NOW}]
    return {
        "test": "ring_test",
        "production": "ring_production",
        "from_ms": NOW - 182 * DAY,
        "test_hosts": ["test1", "test2"],
        "production_hosts": ["web1", "db1", "db2", "web2"],
        "rows": rows,
        "gaps": gaps,
    }


def plan():
    lines = [
        {
            "platform": PLATFORM,
            "package": name,
            "arch": "amd64",
            "action": "upgrade",
            "from": [installed],
            "version": version,
            "source": source,
            "source_version": version,
            "origin": "Debian",
            "label": "Debian-Security" if security else "Debian",
            "codename": "bookworm-security" if security else "bookworm",
            "component": "main",
            "security": security,
            "phased": None,
            "size": 1434,
            "sha256": "ab" * 32,
        }
        for name, source, installed, version, security in sorted(CANDIDATES)
    ]
    document = {
        "schema": 1,
        "fleet": "default",
        "policy": "cd" * 32,
        "scope": [
            {"ring": "test", "hosts": ["test1", "test2"]},
            {"ring": "production", "hosts": ["web1", "web2", "db1", "db2"]},
        ],
        "platforms": {PLATFORM: {"os": "debian", "version": "12", "arch": "amd64", "repositories": []}},
        "lines": lines,
    }
    return {"id": "9f2c4e1a7b" + "0" * 54, "document": document, "created_ms": NOW - 30 * HOUR, "state": "open"}


def rollout_arguments():
    done = [
        {"package": name, "arch": "amd64", "before": old, "after": new}
        for name, _source, old, new, _security in CANDIDATES
    ]
    wrong = [{**item, "after": item["before"]} if item["package"] == "libc6" else item for item in done]
    passed = [
        {"check": "nginx.service", "ok": True, "detail": "active"},
        {"check": "versions", "ok": True, "detail": None},
    ]
    verified = {
        "status": "verified",
        "reboot": "done",
        "boot_before": "6f9c-11",
        "boot_after": "a0c2-42",
        "findings": passed,
        "ms": NOW - 26 * HOUR,
    }
    return {
        "plan": plan(),
        "left_out": [
            {
                "host": "db1",
                "platform": PLATFORM,
                "package": "postgresql-15",
                "arch": "amd64",
                "version": "15.13-0+deb12u1",
                "why": "held",
                "next": "lift the hold: apt-mark unhold postgresql-15",
            },
            {
                "host": "web1",
                "platform": PLATFORM,
                "package": "redis-server",
                "arch": "amd64",
                "version": "5:7.0.15-1~deb12u5",
                "why": "untested",
                "next": "install redis-server on a test host",
            },
            {
                "host": "web2",
                "platform": PLATFORM,
                "package": "redis-server",
                "arch": "amd64",
                "version": "5:7.0.15-1~deb12u5",
                "why": "untested",
                "next": "install redis-server on a test host",
            },
        ],
        "host_statuses": [
            {"host": "test1", **verified},
            {"host": "test2", **verified},
            {"host": "web1", **verified, "ms": NOW - HOUR},
            {
                "host": "db1",
                "status": "failed",
                "reason": "the package script of libc6 ended with 1",
                "next": "read the journal on db1, then run rollout again",
                "reboot": "unknown",
                "findings": [{"check": "versions", "ok": False, "detail": "libc6 is 2.36-9+deb12u8"}],
                "ms": NOW - HOUR,
            },
            {
                "host": "web2",
                "status": "unreachable",
                "phase": "absent",
                "reason": "No route to host",
                "next": "bring web2 back; it takes the plan later",
                "ms": NOW - HOUR,
            },
        ],
        "rings": [
            {
                "name": "test",
                "state": "passed",
                "verdict": "go",
                "reason": "2 of 2 verified, soaked 24 h",
                "failed": 0,
                "absent": 0,
                "max_failed": 0,
                "max_absent": 0,
                "opened_ms": NOW - 27 * HOUR,
                "closed_ms": NOW - 2 * HOUR,
                "soak_until_ms": NOW - 2 * HOUR,
            },
            {
                "name": "production",
                "state": "failed",
                "verdict": "stop",
                "reason": "2 of 4 hosts failed, 1 % allowed",
                "next": "see db1, then run rollout again",
                "failed": 2,
                "absent": 1,
                "max_failed": "1%",
                "max_absent": "5%",
                "opened_ms": NOW - 2 * HOUR,
            },
        ],
        "transactions": [{"host": host, "versions": done} for host in ("test1", "test2", "web1")]
        + [{"host": "db1", "versions": wrong}],
        "runs": [
            {
                "token": 1,
                "playbook": "lockstep.patching.rollout",
                "actor": "anna",
                "job": None,
                "started_ms": NOW - 27 * HOUR,
                "ended_ms": NOW - 26 * HOUR,
                "closing": "waiting: ring test soaks until 2026-11-20 23:00 UTC",
            },
            {
                "token": 2,
                "playbook": "lockstep.patching.rollout",
                "actor": "awx",
                "job": "4711",
                "started_ms": NOW - 2 * HOUR,
                "ended_ms": None,
                "closing": None,
            },
        ],
        "states": [state(host) for host in ("test1", "test2", "web1", "db1", "db2")] + [gone("web2")],
        "now_ms": NOW,
        "closing": "stopped: ring production failed: 2 of 4 hosts failed; see db1, then run rollout again",
    }


def big_fleet(hosts, each=20, packages=400, seed=7):
    """Hosts that each lack a random set of packages: the worst case, as no two of them are the same."""
    draw = random.Random(seed)
    offers = [
        candidate(f"library-{n}-dev", f"source-{n}", f"1.{n}.3-2+deb12u1", f"1.{n}.3-2+deb12u{2 + n % 3}", n % 3 == 0)
        for n in range(packages)
    ]
    for number in range(hosts):
        kind = draw.random()
        if kind < 0.01:
            yield gone(f"host-{number:05}.example.net")
        elif kind < 0.03:
            yield stale(f"host-{number:05}.example.net")
        else:
            made = state(
                f"host-{number:05}.example.net",
                candidates=(),
                reboot=draw.choice(("yes", "no", "no", "unknown")),
                patched=NOW - draw.randrange(200) * DAY,
            )
            made["sections"]["candidates"] = draw.sample(offers, each)
            security = sum(item["security"] for item in made["sections"]["candidates"])
            made["answer"] = {"pending": each, "security": security, "unknown": []}
            yield made

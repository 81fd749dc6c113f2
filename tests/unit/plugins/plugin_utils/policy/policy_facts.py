# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Host states and policies for the tables, in the shapes of docs/architecture.md."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import load_policy

NOW = 1_795_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
PLATFORM = "debian-12-amd64-1a2b3c4d"
ORIGIN = {
    "origin": "Debian",
    "label": "Debian-Security",
    "suite": "stable-security",
    "codename": "bookworm-security",
    "component": "main",
}
TWO_LINES = "rings:\n  - {name: test, hosts: ring_test}\n  - {name: production, hosts: ring_production}\n"


def policy(extra: str = "", rings: str = TWO_LINES):
    return load_policy(rings + extra, "policy.yml")


def candidate(
    name: str, installed: str | None = "1.0-1", version: str | None = "1.0-2", **given: Any
) -> dict[str, Any]:
    action = "install" if installed is None else "remove" if version is None else "upgrade"
    found = {
        "name": name,
        "arch": "amd64",
        "action": action,
        "installed": installed,
        "version": version,
        "source": name,
        "source_version": version or "",
        "origins": [ORIGIN],
        "security": True,
        "size": 1000,
        "sha256": None,
        "filename": f"pool/{name}.deb",
        "phased": None,
        "kept_back": None,
        "age_ms": None,
    }
    return {**found, **given}


def package(name: str, version: str, **given: Any) -> dict[str, Any]:
    found = {
        "name": name,
        "arch": "amd64",
        "version": version,
        "source": name,
        "source_version": version,
        "auto": False,
        "status": "installed",
    }
    return {**found, **given}


def state(
    *candidates: dict[str, Any], packages: Any = None, platform: str = PLATFORM, **sections: Any
) -> dict[str, Any]:
    """A host that was looked at a minute ago; what its candidates replace is installed."""
    had = [package(item["name"], item["installed"], arch=item["arch"]) for item in candidates if item["installed"]]
    index = {
        "origin": "Debian",
        "label": "Debian",
        "suite": "stable",
        "codename": "bookworm",
        "component": "main",
        "keys": ["A" * 40],
        "signed": True,
        "dated_ms": NOW - DAY,
        "valid_until_ms": None,
        "fetched_ms": NOW - HOUR,
        "state": "ok",
        "problem": None,
    }
    found: dict[str, Any] = {
        "os": {"id": "debian", "version": "12", "arch": "amd64"},
        "boot": {"boot_id": "boot-1", "kernel": "not_applicable", "kernel_reason": "a container"},
        "manager": {"name": "apt", "version": "2.6.1", "health": "ok", "problems": []},
        "packages": (
            packages if isinstance(packages, dict) else sorted([*had, *(packages or [])], key=lambda item: item["name"])
        ),
        "candidates": list(candidates),
        "holds": [],
        "indexes": [index],
        "reboot": {"needed": "no", "reasons": [], "unknown": []},
        "services": {"outdated": [], "complete": True, "reason": None},
        "health": {"units": [], "ports": [], "failed_units": []},
        "checks": [],
        "history": {
            "sources": [],
            "complete_from_ms": NOW - 400 * DAY,
            "last_patched_ms": None,
            "events": [],
            "missing": None,
        },
        "platform": {"id": platform, "os": "debian", "version": "12", "arch": "amd64", "repositories": []},
    }
    return {"seen_ms": NOW - 60_000, "reachable": True, "error": None, "sections": {**found, **sections}}


def scope(test: list[str], production: list[str]) -> list[dict[str, Any]]:
    return [{"ring": "test", "hosts": test}, {"ring": "production", "hosts": production}]


def patched(before: dict[str, Any], lines: list[dict[str, Any]], **sections: Any) -> dict[str, Any]:
    """The host after the lines were carried out."""
    have = {(item["name"], item["arch"]): item for item in before["sections"]["packages"]}
    for line in lines:
        key = (line["package"], line["arch"])
        if line["action"] == "remove":
            have.pop(key, None)
        else:
            have[key] = {**have.get(key, package(line["package"], "")), "version": line["version"]}
    return {**before, "sections": {**before["sections"], "packages": list(have.values()), "candidates": [], **sections}}

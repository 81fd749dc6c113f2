# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans, states and runs in a real ledger."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import load_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan import plan_id

NOW = 1_795_000_000_000
HOUR = 3_600_000
PLATFORM = "debian-12-amd64-1a2b3c4d"
LEFT_OUT: dict[str, Any] = {
    "platform": PLATFORM,
    "package": "vim",
    "arch": "amd64",
    "version": "2",
    "why": "held",
    "detail": "held by the admin",
    "next": "unhold it",
    "taken": False,
}


class HostVars(dict):
    """Ansible's magic variable: plain values by `raw_get`, templated ones by item."""

    def raw_get(self, host: str) -> dict[str, Any]:
        return self.get(host, {})


VARIABLES: dict[str, Any] = {"hostvars": HostVars(), "groups": {}}
"""Those of a play whose inventory has none."""


def policy(extra: str = "", batch: str = "100%", soak: str = "0h"):
    rings = f"rings:\n  - {{name: test, hosts: ring_test, soak: {soak}}}\n"
    rings += f"  - {{name: production, hosts: ring_production, batch: {batch}, soak: {soak}}}\n"
    return load_policy(rings + extra, "policy.yml")


def begin(ledger: Ledger, stage: str = "rollout", now_ms: int = NOW) -> int:
    return ledger.begin_run("default", stage, "ann@control", None, "control", None, now_ms)


def run(token: int = 1, stage: str = "rollout", **given: Any) -> Run:
    return Run(token, stage, "default", "", "", "", NOW, **given)


def body(*platforms: str, fleet: str = "default", version: str = "2.0") -> dict[str, Any]:
    """A plan with one line for each platform."""
    line = {
        "package": "openssl",
        "arch": "amd64",
        "action": "upgrade",
        "from": ["1.0"],
        "version": version,
        "source": "openssl",
        "source_version": version,
        "origin": "Debian",
        "label": "Debian-Security",
        "codename": "bookworm-security",
        "component": "main",
        "security": True,
        "phased": None,
        "size": 1434,
        "sha256": "ab" * 32,
    }
    names = platforms or (PLATFORM,)
    described = {name: {"os": "debian", "version": "12", "arch": "amd64", "repositories": []} for name in names}
    return {
        "schema": 1,
        "fleet": fleet,
        "policy": "cd" * 32,
        "scope": [{"ring": "test", "hosts": ["web1", "db1"]}, {"ring": "production", "hosts": ["web2", "db2"]}],
        "platforms": described,
        "lines": [{"platform": name, **line} for name in sorted(names)],
    }


def save(ledger: Ledger, token: int, content: dict[str, Any], left_out: Any = ()) -> dict[str, Any]:
    """Keep a plan, and return it as the ledger gives it."""
    ledger.save_plan(plan_id(content), content, list(left_out), content["fleet"], "ann", token, NOW)
    return ledger.plan(plan_id(content))


def looked(ledger: Ledger, host: str, token: int, platform: str | None = PLATFORM, **sections: Any) -> None:
    """A host answered."""
    ledger.record_look(
        "default",
        host,
        token,
        NOW,
        digests={name: digest(content) for name, content in sections.items()},
        sections=sections,
        answer={"pending": 1},
        fingerprint={"machine_id": "m-" + host},
        platform=platform,
    )

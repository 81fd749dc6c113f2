# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading host states with suspicion: what cannot be relied on is unknown, with why and what to do. Pure.

A host state is `{seen_ms, reachable, error, answer, sections}` as the ledger gives it; docs/architecture.md has the
sections.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.managers import MANAGERS, words
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import is_unknown, why_unknown
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.types import malformed_advisories
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import DEB, scheme_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain, utc

SUPPORTED = frozenset(name for name, words in MANAGERS.items() if words.writes)
"""Package managers that can carry out a plan."""
PLATFORM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,199}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+:~^_-]{0,199}")
_ARCH = re.compile(r"[a-z0-9][a-z0-9_-]{0,29}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Trouble(NamedTuple):
    """Why nothing can be planned or judged from a state."""

    why: str
    """`unknown` or `unsupported`."""
    detail: str
    next: str


def section(state: Mapping[str, Any] | None, name: str) -> tuple[Any, str | None]:
    """A section's content and None, or None and why it is unknown."""
    sections = (state or {}).get("sections") or {}
    content = sections.get(name)
    if content is None:
        return None, f"the look did not report '{name}'"
    if is_unknown(content):
        return None, plain(why_unknown(content))
    return content, None


def unsupported(state: Mapping[str, Any]) -> str | None:
    """Why the host's platform has no provider, or None if it has one (or nobody knows)."""
    if (state.get("answer") or {}).get("supported") is False:
        return str(section(state, "manager")[1] or "the host has no package manager that is supported")
    manager, _why = section(state, "manager")
    if manager is None:
        return None
    name = manager.get("name")
    return None if name in SUPPORTED else f"its package manager is {plain(name or 'none that is known', 60)}"


def trouble(
    state: Mapping[str, Any] | None, now_ms: int, look_max_age_ms: int, index_max_age_ms: int
) -> Trouble | None:
    """Why a host's candidates cannot be relied on, or None. Checked from the coarse to the fine."""
    if not state or state.get("seen_ms") is None:
        error = plain((state or {}).get("error") or "no look at this host is known")
        return Trouble("unknown", error, "make it reachable, then run detect and plan again")
    if not state.get("reachable", False):
        return Trouble(
            "unknown",
            f"unreachable: {plain(state.get('error') or 'no answer')}",
            "make it reachable, then run detect and plan again",
        )
    age = now_ms - int(state["seen_ms"])
    if age > look_max_age_ms:
        return Trouble("unknown", f"the last look is {duration_text(age)} old", "run detect, then plan again")
    why = unsupported(state)
    if why:
        return Trouble("unsupported", why, "patch this host by other means")
    return _manager(state) or _indexes(state, now_ms, index_max_age_ms) or _parts(state)


def _manager(state: Mapping[str, Any]) -> Trouble | None:
    manager, why = section(state, "manager")
    if manager is None:
        return Trouble("unknown", f"package manager: {why}", "run detect again")
    health = manager.get("health")
    if health == "ok":
        return None
    problems = "; ".join(plain(item) for item in manager.get("problems") or [])
    text = f"the package manager is {plain(health or 'in an unknown state', 40)}" + (
        f": {problems}" if problems else ""
    )
    step = (
        f"run {words(str(manager.get('name'))).repair} on the host"
        if health in ("broken", "interrupted")
        else "let it finish"
    )
    return Trouble("unknown", text, f"{step}, then run detect and plan again")


def _indexes(state: Mapping[str, Any], now_ms: int, max_age_ms: int) -> Trouble | None:
    indexes, why = section(state, "indexes")
    update = words(str((section(state, "manager")[0] or {}).get("name") or "")).update
    if not indexes:
        return Trouble(
            "unknown",
            f"package indexes: {why or 'there are none'}",
            "configure a repository on the host, then run detect again",
        )
    for index in indexes:
        name = plain(index.get("codename") or index.get("suite") or index.get("origin") or "an index", 60)
        if index.get("state") != "ok" or index.get("signed") is not True:
            said = plain(index.get("state") if index.get("state") != "ok" else "unsigned", 30)
            problem = f" ({plain(index['problem'])})" if index.get("problem") else ""
            return Trouble(
                "unknown",
                f"the package index {name} is {said}{problem}",
                "mend the repository on the host, then run detect and plan again",
            )
        fetched = index.get("fetched_ms")
        if not isinstance(fetched, int):
            return Trouble(
                "unknown",
                f"nothing says when the package index {name} was fetched",
                f"run {update} on the host, then detect again",
            )
        if now_ms - fetched > max_age_ms:
            return Trouble(
                "unknown",
                f"the package index {name} was fetched at {utc(fetched)}, more than {duration_text(max_age_ms)} ago",
                f"run {update} on the host, then run detect and plan again",
            )
    return None


def _parts(state: Mapping[str, Any]) -> Trouble | None:
    for name in ("candidates", "holds", "packages", "platform"):
        _content, why = section(state, name)
        if why:
            return Trouble("unknown", f"{name}: {why}", "run detect and plan again")
    platform = section(state, "platform")[0].get("id")
    if not isinstance(platform, str) or not PLATFORM_ID.fullmatch(platform):
        return Trouble("unknown", "its platform id is not usable", "run detect again; if it stays, report it")
    return None


def malformed(candidate: Mapping[str, Any]) -> str | None:
    """What is wrong with a candidate, or None. What a host supplies goes into plans and on to other hosts, so it is
    looked at closely."""
    action = candidate.get("action")
    if action not in ("upgrade", "install", "remove"):
        return "its action is not known"
    for key, shape in (("name", _NAME), ("source", _NAME), ("arch", _ARCH)):
        if not isinstance(candidate.get(key), str) or not shape.fullmatch(candidate[key]):
            return f"its {key} is not usable"
    wanted = {
        "upgrade": ("installed", "version", "source_version"),
        "install": ("version", "source_version"),
        "remove": ("installed",),
    }[action]
    for key in wanted:
        if not isinstance(candidate.get(key), str) or not _VERSION.fullmatch(candidate[key]):
            return f"its {key} is not usable"
    digest, size, phased = candidate.get("sha256"), candidate.get("size"), candidate.get("phased")
    if digest is not None and (not isinstance(digest, str) or not _SHA256.fullmatch(digest)):
        return "its SHA-256 is not usable"
    if any(
        value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0)
        for value in (size, phased)
    ):
        return "its size or share is not a number"
    if malformed_advisories(candidate.get("advisories")):
        return "its advisories are not usable"
    # None: the platform has no advisory data; a missing or odd value is no answer at all
    known = "security" in candidate and (candidate["security"] is None or isinstance(candidate["security"], bool))
    return None if known else "nothing says whether it is a security update"


def scheme_of_state(state: Mapping[str, Any]) -> str:
    """How the host's package manager orders versions (`versions.scheme_of`); as Debian does where nothing says."""
    return scheme_of(str((section(state, "manager")[0] or {}).get("name"))) or DEB


def installed(state: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Installed packages by name and architecture."""
    return {(item["name"], item["arch"]): item for item in section(state, "packages")[0] or []}

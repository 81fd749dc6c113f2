# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Windows hosts in the model of all hosts: what ansible.windows finds, as sections of a host state and as plan lines.
Pure.

An update of Windows has no version and no file of its own: it is its KB article and its update id, and newer ones
supersede older ones. Windows Update does not tell by which other update one is superseded, but cumulative ones say it
by their titles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain

MANAGER = "windows_update"
TYPES = {
    "security updates": "security", "definition updates": "security", "critical updates": "bugfix",
    "update rollups": "bugfix", "updates": "bugfix", "service packs": "bugfix", "feature packs": "enhancement",
    "upgrades": "enhancement", "drivers": "unclassified", "tools": "unclassified",
}  # fmt: skip
"""Windows Update's classifications. What is none of them is a product."""
NOT_READ = "it is not read on Windows hosts yet"
_ARCHS = {"64-bit": "x64", "32-bit": "x86", "arm 64-bit processor": "arm64"}
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_KB = re.compile(r"[0-9]{5,8}\Z")
_MONTH = re.compile(r"(\d{4}-\d\d) ")
_CUMULATIVE = re.compile(
    r"Cumulative Update|Servicing Stack Update|Monthly Quality Rollup|Security Intelligence Update"
)
_VERSION = re.compile(r" ?\(Version ([0-9.]+)\)")
_ARTICLE = re.compile(r"(?: -)? ?\(?KB\d+\)?")


def updates(search: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The updates that win_updates (`state: searched`, `category_names: '*'`) found and that are not installed, each
    with `hidden`; and what cannot be read. Text in it is the host's: hostile."""
    found, bad = [], []
    filtered = search.get("filtered_updates") or {}
    for given in [*(search.get("updates") or {}).values(), *filtered.values()]:
        reasons = [*(given.get("filtered_reasons") or []), given.get("filtered_reason")]
        if given.get("installed"):
            continue
        if not _ID.match(str(given.get("id"))) or not all(_KB.match(str(kb)) for kb in given.get("kb") or []):
            bad.append(plain(given.get("title") or given.get("id") or "an update without a name", 100))
            continue
        hidden = any(str(reason) in ("hidden", "skip_hidden") for reason in reasons if reason)
        found.append({**given, "hidden": hidden, "kb": list(given.get("kb") or [])})
    return sorted(found, key=lambda each: str(each["id"])), bad


def superseded(found: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """By update id: the id of the newest cumulative update of the same kind and product that takes its place."""
    families: dict[str, list[tuple[Any, str]]] = {}
    for each in found:
        family, age = _family(str(each.get("title") or ""))
        if family:
            families.setdefault(family, []).append((age, str(each["id"])))
    newest = {family: max(members) for family, members in families.items()}
    return {
        update: newest[family][1]
        for family, members in families.items()
        for age, update in members
        if age < newest[family][0]
    }


def _family(title: str) -> tuple[str, Any]:
    """Title without what differs from month to month, and what orders it; an empty text when it is not cumulative."""
    month, version = _MONTH.match(title), _VERSION.search(title)
    if not _CUMULATIVE.search(title) or not (month or version) or "Security Only" in title:
        return "", ()
    name = _ARTICLE.sub("", _VERSION.sub("", title[month.end() :] if month else title))
    # a preview comes after the update of its month and before that of the next one
    preview = " Preview" in name
    number = tuple(int(part) for part in version.group(1).split(".") if part) if version else ()
    return name.replace(" Preview", "").strip(), (month.group(1) if month else "", number, preview)


def candidates(found: Iterable[Mapping[str, Any]], arch: str) -> list[dict[str, Any]]:
    """Rows of the section `candidates`: name is the KB, version the update id."""
    found = list(found)
    newer = superseded(found)
    names = {str(each["id"]): _name(each) for each in found}
    rows: list[dict[str, Any]] = []
    for each in found:
        kinds = [TYPES[str(name).lower()] for name in each.get("categories") or [] if str(name).lower() in TYPES]
        kind = next((one for one in ("security", "bugfix", "enhancement") if one in kinds), "unclassified")
        by = newer.get(str(each["id"]))
        kept = f"superseded by {names[by]}" if by else "hidden in Windows Update" if each.get("hidden") else None
        rows.append({
            "name": _name(each), "arch": arch, "action": "upgrade", "installed": None, "version": str(each["id"]),
            "source": _name(each), "source_version": plain(each.get("title"), 200), "origins": [_origin(each)],
            "security": kind == "security", "size": None, "sha256": None, "filename": None, "phased": None,
            "kept_back": kept, "age_ms": None,
            "advisories": [{"id": _name(each), "type": kind, "severity": None, "cves": [], "issued_ms": None}],
        })  # fmt: skip
    return sorted(rows, key=lambda row: (row["name"], row["version"]))


def lines(platform: str, found: Iterable[Mapping[str, Any]], arch: str) -> list[dict[str, Any]]:
    """Plan lines of what is neither superseded nor hidden: KB and update id stand where packages have name, version
    and checksum, and `supersedes` names the update ids that a line takes the place of."""
    found = list(found)
    newer = superseded(found)
    rows: list[dict[str, Any]] = []
    for row in candidates(found, arch):
        if row["kept_back"]:
            continue
        rows.append({
            "platform": platform, "package": row["name"], "arch": arch, "action": "upgrade", "from": [],
            "version": row["version"], "source": row["source"], "source_version": row["source_version"],
            **{key: row["origins"][0][key] for key in ("origin", "label", "codename", "component")},
            "security": row["security"], "phased": None, "size": None, "sha256": None,
            "type": row["advisories"][0]["type"], "type_from": "advisories", "advisories": [row["name"]],
            "supersedes": sorted(old for old, new in newer.items() if new == row["version"]),
        })  # fmt: skip
    return rows


def sections(facts: Mapping[str, Any], search: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """The sections of a host state. facts: of ansible.windows.setup, without the prefix `ansible_`."""
    arch = _ARCHS.get(str(facts.get("architecture2") or facts.get("architecture")).lower(), "x64")
    found, bad = updates(search)
    pending = candidates(found, arch)
    version = plain(facts.get("kernel") or "", 40)
    uptime = facts.get("uptime_seconds")
    booted = now_ms - uptime * 1000 if isinstance(uptime, int) else None
    return {
        "os": {
            "id": "windows", "id_like": "", "version": version, "codename": "", "arch": arch, "python": "",
            "name": plain(facts.get("os_name") or "Windows", 100), "hostname": plain(facts.get("hostname") or "", 100),
            "machine_id": plain(facts.get("machine_id") or "", 100),
        },
        "boot": {
            "boot_id": plain(facts.get("lastboot") or "", 40), "booted_ms": booted, "kernel_running": version,
            "kernel_newest": None, "kernel": "not_applicable", "kernel_reason": "Windows has one kernel", "init": "",
        },
        "manager": {"name": MANAGER, "version": "", "health": "ok", "problems": []},
        "packages": {"unknown": "Windows Update tells what is missing, not what is installed"},
        "candidates": {"unknown": f"updates with an id or KB that cannot be: {', '.join(bad[:3])}"} if bad else pending,
        "holds": [
            {"name": row["name"], "arch": arch, "kind": "hold", "reason": row["kept_back"], "where": "Windows Update"}
            for row in pending
            if row["kept_back"] == "hidden in Windows Update"
        ],
        "indexes": [{**_origin({}), "keys": [], "signed": True, "dated_ms": None, "valid_until_ms": None,
                     "fetched_ms": now_ms, "state": "ok", "problem": None}],
        "reboot": _reboot(facts, search),
        **{name: {"unknown": NOT_READ} for name in ("services", "health", "checks", "space", "history")},
        "platform": {
            "id": f"windows-{version}-{arch}", "os": "windows", "version": version, "arch": arch, "manager": MANAGER,
            "repositories": [],
        },
    }  # fmt: skip


def not_asked(why: str) -> dict[str, Any]:
    """The sections of a Windows host that cannot be asked: it is one, and that is all that is known."""
    names = ("boot", "packages", "candidates", "holds", "indexes", "platform")
    reboot = {"needed": "unknown", "reasons": [], "unknown": ["windows_update", "pending"]}
    system = dict.fromkeys(("id_like", "version", "codename", "arch", "python", "hostname", "machine_id"), "")
    return {
        "os": {**system, "id": "windows", "name": "Windows"}, "manager": {"unknown": why}, "reboot": reboot,
        **{name: {"unknown": why} for name in (*names, "services", "health", "checks", "space", "history")},
    }  # fmt: skip


def answer(found: Mapping[str, Any]) -> dict[str, Any]:
    """The short answer of a look, from its sections."""
    rows, reboot = found["candidates"], found["reboot"]
    asked = "unknown" not in found["manager"]
    real = [row for row in rows if row["kept_back"] is None] if isinstance(rows, list) else None
    gaps = [name for name in ("candidates", "packages") if "unknown" in found[name]] if asked else ["packages"]
    step = "nothing: Windows hosts are only looked at so far" if asked else "install it, then run detect again"
    unknown = [{"what": name, "why": found[name]["unknown"], "next": step} for name in gaps]
    if asked and reboot["needed"] == "unknown":
        why = "; ".join(reboot["unknown"])
        unknown.append({"what": "reboot", "why": f"no answer about: {why}", "next": "ask the host itself"})
    return {
        "supported": asked, "pending": None if real is None else len(real),
        "security": None if real is None else sum(row["security"] for row in real), "at_least": None,
        "reboot": reboot["needed"], "reboot_reasons": [row["text"] for row in reboot["reasons"]],
        "outdated_services": None, "holds": len(found["holds"]) if asked else None, "manager": "ok" if asked else None,
        "failed_units": None, "failed_checks": None, "last_patched_ms": None, "history_missing": None,
        "platform": found["platform"].get("id"), "unknown": unknown,
    }  # fmt: skip


def digests(found: Mapping[str, Any]) -> dict[str, str]:
    """By section: its digest, as hosts give it."""
    return {name: digest(content) for name, content in found.items()}


def _reboot(facts: Mapping[str, Any], search: Mapping[str, Any]) -> dict[str, Any]:
    said = {"windows_update": search.get("reboot_required"), "pending": facts.get("reboot_pending")}
    texts = {
        "windows_update": "Windows Update waits for a reboot",
        "pending": "the registry has a pending reboot (file renames, servicing or features)",
    }
    reasons = [{"signal": name, "text": texts[name]} for name, value in said.items() if value is True]
    gaps = [name for name, value in said.items() if not isinstance(value, bool)]
    return {"needed": "yes" if reasons else "unknown" if gaps else "no", "reasons": reasons, "unknown": gaps}


def _name(update: Mapping[str, Any]) -> str:
    return f"KB{update['kb'][0]}" if update.get("kb") else str(update["id"])


def _origin(update: Mapping[str, Any]) -> dict[str, Any]:
    kinds = [str(name) for name in update.get("categories") or []]
    product = next((name for name in kinds if name.lower() not in TYPES), "")
    kind = next((name for name in kinds if name.lower() in TYPES), "")
    return {
        "origin": "Microsoft", "label": "Windows Update", "suite": "", "codename": plain(product, 100),
        "component": plain(kind, 100),
    }  # fmt: skip

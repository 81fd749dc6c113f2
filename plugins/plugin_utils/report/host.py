# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One host's state as one row of a report. Pure.

A section that could not be read makes its cells None and adds a reason.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.patch_types import basis_of, ids_of, type_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import names, say
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.times import moment, utc

LOOK_AGAIN = "put right what the reason names, then run detect again"
REACH = "check power, network, SSH and sudo of the host, then run detect again"
_WORST = ("expired", "unsigned", "missing", "unreachable", "stale", "unknown", "ok")


def section(state: dict[str, Any], name: str) -> tuple[Any, str | None]:
    """A section's content and None, or None and why there is none."""
    content = (state.get("sections") or {}).get(name)
    if content is None:
        return None, "the look did not report it"
    if isinstance(content, dict) and content.get("unknown") and set(content) == {"unknown"}:
        return None, say(content["unknown"])
    return content, None


def origin_text(origins: Any) -> str:
    """`Debian-Security bookworm-security, Debian bookworm` of a candidate's origins."""
    found = []
    for origin in origins or []:
        words = [say(origin.get("label") or origin.get("origin")), say(origin.get("codename") or origin.get("suite"))]
        text = " ".join(word for word in words if word)
        if text and text not in found:
            found.append(text)
    return ", ".join(found)


def type_cells(kind: str, basis: str | None, advisories: Any) -> dict[str, Any]:
    """The cells that say what an update is for: `{type, type_note}`; the type is empty for a removal."""
    ids = names([say(item) for item in advisories or ()], 3)
    return {"type": say(kind), "type_note": ids or ("no advisory data" if kind and basis == "none" else "")}


def step_rows(state: dict[str, Any]) -> list[dict[str, Any]]:
    """What the host's package manager would do: `[{package, arch, source, action, installed, version, security,
    type, type_note, origin, phased, kept_back}]`."""
    candidates, _why = section(state, "candidates")
    return [
        {
            "package": say(item.get("name")),
            "arch": say(item.get("arch")),
            "source": say(item.get("source") or item.get("name")),
            "action": say(item.get("action"), "upgrade"),
            "installed": None if item.get("installed") is None else say(item["installed"]),
            "version": None if item.get("version") is None else say(item["version"]),
            "security": bool(item.get("security")),
            **type_cells("" if item.get("action") == "remove" else type_of([item]), basis_of(item), ids_of(item)),
            "origin": origin_text(item.get("origins")),
            "phased": None if item.get("phased") is None else say(item["phased"]),
            "kept_back": None if item.get("kept_back") is None else say(item["kept_back"]),
        }
        for item in candidates or []
    ]


def host_row(state: dict[str, Any]) -> dict[str, Any]:
    """The host's row without its steps; counts that are not known are None, and `unknown` says why and what to do."""
    unknown: list[dict[str, str]] = []
    stale = say(state["stale"]) if state.get("stale") else None
    reached = bool(state.get("reachable")) and stale is None
    row: dict[str, Any] = {
        "host": say(state.get("host"), "(no name)"),
        "groups": [say(group) for group in state.get("groups") or []],
        "seen_ms": moment(state.get("seen_ms")),
        "platform": None if state.get("platform") is None else say(state["platform"]),
        "os": _os(state),
    }
    if reached:
        row.update(_pending(state, unknown))
        row.update(_reboot(state, unknown))
        row.update(_services(state, unknown))
        row.update(_holds(state, unknown))
        row.update(_indexes(state, unknown))
        for name in ("os", "boot", "manager", "packages", "candidates"):
            _content, why = section(state, name)
            if why:
                unknown.append({"what": name, "why": why, "next": LOOK_AGAIN})
    else:
        # what an earlier look found may be shown as history, never as what is pending now
        seen = f"; last answer {utc(row['seen_ms'])}" if row["seen_ms"] else "; it has never answered"
        unknown.append(
            {
                "what": "everything",
                "why": stale or "unreachable: " + say(state.get("error"), "no reason given") + seen,
                "next": "run detect" if stale else REACH,
            }
        )
        row.update(
            security=None,
            other=None,
            reboot="unknown",
            reboot_reasons=[],
            services=None,
            services_seen=0,
            outdated=[],
            held=None,
            holds=[],
            index_state="unknown",
            index_fetched_ms=None,
            index_problems=[],
        )
    row.update(_history(state))
    row["kernel"] = _kernel(state)
    row["unknown"] = _once(unknown)
    row["status"] = "stale" if stale else "unreachable" if not reached else "partly" if unknown else "answered"
    return row


def _once(reasons: list[dict[str, str]]) -> list[dict[str, str]]:
    kept: dict[tuple[str, str], dict[str, str]] = {}
    for reason in reasons:
        kept.setdefault((reason["what"], reason["why"]), reason)
    return list(kept.values())


def _os(state: dict[str, Any]) -> str | None:
    content, _why = section(state, "os")
    if not content:
        return None
    return say(content.get("name") or f"{say(content.get('id'))} {say(content.get('version'))}".strip()) or None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _pending(state: dict[str, Any], unknown: list[dict[str, str]]) -> dict[str, Any]:
    answer = state.get("answer") or {}
    security, pending = _count(answer.get("security")), _count(answer.get("pending"))
    for item in answer.get("unknown") or []:
        unknown.append(
            {
                "what": say(item.get("what"), "?"),
                "why": say(item.get("why"), "no reason given"),
                "next": say(item.get("next"), LOOK_AGAIN),
            }
        )
    if (security is None or pending is None) and not unknown:
        unknown.append({"what": "updates", "why": "the look gave no count of updates", "next": LOOK_AGAIN})
    other = pending - security if security is not None and pending is not None and pending >= security else None
    return {"security": security, "other": other}


def _reboot(state: dict[str, Any], unknown: list[dict[str, str]]) -> dict[str, Any]:
    content, why = section(state, "reboot")
    needed = content.get("needed") if content else None
    needed = needed if needed in ("yes", "no") else "unknown"
    reasons = [say(item.get("text") or item.get("signal")) for item in (content or {}).get("reasons") or []]
    if needed == "unknown":
        signals = ", ".join(say(signal) for signal in (content or {}).get("unknown") or [])
        unknown.append(
            {"what": "reboot", "why": why or f"could not be told from: {signals or 'no signal'}", "next": LOOK_AGAIN}
        )
    return {"reboot": needed, "reboot_reasons": reasons}


def _services(state: dict[str, Any], unknown: list[dict[str, str]]) -> dict[str, Any]:
    content, why = section(state, "services")
    outdated: dict[str, dict[str, Any]] = {}
    for item in (content or {}).get("outdated") or []:
        name = say(item.get("unit") or item.get("process"), "?")
        entry = outdated.setdefault(name, {"name": name, "process": say(item.get("process")), "files": []})
        entry["files"] = sorted({*entry["files"], *(say(path) for path in item.get("files") or [])})
    complete = bool(content and content.get("complete"))
    if not complete:
        reason = why or say((content or {}).get("reason"), "not all processes could be looked at")
        unknown.append({"what": "services", "why": reason, "next": LOOK_AGAIN})
    return {
        "services": len(outdated) if complete else None,
        "services_seen": len(outdated),
        "outdated": [outdated[name] for name in sorted(outdated)],
    }


def _holds(state: dict[str, Any], unknown: list[dict[str, str]]) -> dict[str, Any]:
    content, why = section(state, "holds")
    if why:
        unknown.append({"what": "holds", "why": why, "next": LOOK_AGAIN})
    holds = [
        {
            "package": say(item.get("name")),
            "kind": say(item.get("kind"), "hold"),
            "reason": say(item.get("reason")),
            "where": say(item.get("where")),
        }
        for item in content or []
    ]
    return {"held": None if why else len(holds), "holds": holds}


def _indexes(state: dict[str, Any], unknown: list[dict[str, str]]) -> dict[str, Any]:
    content, why = section(state, "indexes")
    found, problems, fetched = [], [], []
    for item in content or []:
        value = say(item.get("state"), "unknown")
        value = value if value in _WORST else "unknown"
        found.append(value)
        fetched.append(moment(item.get("fetched_ms")))
        if value != "ok":
            name = say(item.get("codename") or item.get("suite") or item.get("origin"), "an index")
            problems.append(f"{name}: {value}" + (f", {say(item['problem'])}" if item.get("problem") else ""))
    if why:
        unknown.append({"what": "indexes", "why": why, "next": LOOK_AGAIN})
    known = [ms for ms in fetched if ms is not None]
    return {
        "index_state": min(found, key=_WORST.index) if found else "unknown",
        "index_fetched_ms": min(known) if known and len(known) == len(fetched) else None,
        "index_problems": problems,
    }


def _history(state: dict[str, Any]) -> dict[str, Any]:
    content, why = section(state, "history")
    content = content or {}
    missing = why or (None if content.get("missing") is None else say(content["missing"]))
    return {
        "last_patched_ms": moment(content.get("last_patched_ms")),
        "history_from_ms": moment(content.get("complete_from_ms")),
        "history_missing": missing,
    }


def _kernel(state: dict[str, Any]) -> dict[str, Any]:
    content, why = section(state, "boot")
    content = content or {}
    return {
        "running": None if content.get("kernel_running") is None else say(content["kernel_running"]),
        "newest": None if content.get("kernel_newest") is None else say(content["kernel_newest"]),
        "whose": say(content.get("kernel"), "unknown"),
        "reason": why or (None if content.get("kernel_reason") is None else say(content["kernel_reason"])),
    }

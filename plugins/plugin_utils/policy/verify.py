# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Did the plan take effect on a host? Pure.

`failed`: the versions are not the plan's. `installed`: they are, and something still runs on the old ones (or nobody
can tell). `active`: all is in use, and some check could not be made. `regressed`: something that worked before does
not now. `verified`: none of these. What is unknown never counts as fine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import installed, scheme_of_state, section
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Check
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.reboot import SESSION
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import compare
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plain

TRANSIENT = re.compile(
    r"user@\d+\.service|user-runtime-dir@\d+\.service|session-[^.]+\.scope|run-.*\.(scope|service|mount)|.*\.(scope|device|swap|timer-run)"
    r"|lockstep-.*|(apt-daily|apt-daily-upgrade|man-db|logrotate|dpkg-db-backup|e2scrub_all|fstrim|systemd-tmpfiles-clean|phpsessionclean"
    r"|motd-news|unattended-upgrades|systemd-fsckd|packagekit|fwupd|fwupd-refresh|systemd-hostnamed|systemd-timedated|systemd-localed)\.service"
    r"|(ssh|sshd|getty|serial-getty|systemd-coredump|systemd-fsck)@.*\.service"
)
"""Units that come and go by themselves: sessions, what timers and the bus start for a moment, one connection each."""
EPHEMERAL = 32768
"""Ports from here on are handed out by the kernel, and a restarted service gets another one."""


class Judgement(NamedTuple):
    """A host's result."""

    status: str
    reasons: list[str]
    drift: list[dict[str, str]]
    """`[{package, arch, version, planned}]`: newer than the plan's, on this host untested."""
    notes: list[str]
    """What is no fault and worth knowing: logins that keep replaced files until their users leave."""


def judge_host(
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    lines: Sequence[Mapping[str, Any]],
    skip: Sequence[Mapping[str, Any]],
    transaction: Mapping[str, Any] | None,
    checks: Iterable[Check],
) -> Judgement:
    """Judge a host.

    `before` and `after` are host states (`{sections}`), before the transaction and now. `lines` and `skip` come from
    `host_lines` on `before`. `transaction` is `{outcome: done|failed|refused|unknown, detail, boot_id, reboot_owed:
    bool}` (`boot_id` the one the transaction ran under), None if there was none. `checks` are the host's effective
    health checks; their results are in `after`.
    """
    drift = [
        {
            "package": str(item["package"]),
            "arch": str(item["arch"]),
            "version": plain(item["detail"]),
            "planned": str(item["version"]),
        }
        for item in skip
        if item["why"] == "newer"
    ]
    wrong = _transaction(lines, transaction) + _versions(after, lines, drift) + _holds(before, after)
    if wrong:
        return Judgement("failed", wrong, drift, _logins(after))
    late = _kernel(after) + _processes(after) + _boot(after, transaction)
    broken, unknown = _health(before, after)
    failed, silent = _checks(after, checks)
    notes = _logins(after)
    if broken or failed:
        return Judgement("regressed", [*broken, *failed, *late], drift, notes)
    if late:
        return Judgement("installed", late, drift, notes)
    if unknown or silent:
        return Judgement("active", [*unknown, *silent], drift, notes)
    return Judgement("verified", [], drift, notes)


def health_lost(before: Mapping[str, Any], after: Mapping[str, Any], checks: Iterable[Check]) -> list[str]:
    """What worked before and does not, or cannot be told to, now: units, ports and the policy's checks."""
    wanted = list(checks)
    broken, unknown = _health(before, after)
    failed, silent = _checks(after, wanted)
    return [*broken, *failed, *unknown, *silent]


def _transaction(lines: Sequence[Mapping[str, Any]], transaction: Mapping[str, Any] | None) -> list[str]:
    if not lines and transaction is None:
        return []
    outcome = (transaction or {}).get("outcome")
    if outcome == "done":
        return []
    said = plain((transaction or {}).get("detail") or "there is no record of it")
    return [f"the transaction is {plain(outcome or 'unknown', 20)}: {said}"]


def _versions(
    after: Mapping[str, Any] | None, lines: Sequence[Mapping[str, Any]], drift: list[dict[str, str]]
) -> list[str]:
    if section(after, "packages")[1]:
        return [f"the installed packages are unknown: {section(after, 'packages')[1]}"]
    have, wrong, scheme = installed(after or {}), [], scheme_of_state(after or {})
    upgraded = {line["source"] for line in lines if line["action"] == "upgrade"}
    for line in lines:
        has = have.get((line["package"], line["arch"]))
        if line["action"] == "remove":
            if has is not None and has["status"] == "installed":
                wrong.append(f"{line['package']} is still installed")
        elif has is None and line["action"] == "install" and line["source"] not in upgraded:
            continue  # no upgrade of this host depended on it
        elif has is None:
            wrong.append(f"{line['package']} is not installed; the plan has {line['version']}")
        elif has["status"] != "installed":
            wrong.append(f"{line['package']} is {plain(has['status'], 40)}")
        elif compare(has["version"], line["version"], scheme) < 0:
            wrong.append(f"{line['package']} is {plain(has['version'], 100)}; the plan has {line['version']}")
        elif compare(has["version"], line["version"], scheme) > 0:
            version = plain(has["version"], 100)
            drift.append(
                {"package": line["package"], "arch": line["arch"], "version": version, "planned": line["version"]}
            )
    wrong += [
        f"{plain(name, 100)} is {plain(item['status'], 40)}"
        for (name, _arch), item in have.items()
        if item["status"] in _HALF
    ]
    return list(dict.fromkeys(wrong))


_HALF = frozenset({"half-installed", "half-configured", "unpacked", "triggers-awaited", "triggers-pending"})


def _holds(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    """Holds and automatic marks must be as they were."""
    wrong: list[str] = []
    held = [section(state, "holds") for state in (before, after)]
    marks = [section(state, "packages") for state in (before, after)]
    for what, (_content, why) in zip(("holds before", "holds now", "packages before"), (*held, marks[0]), strict=True):
        if why:
            wrong.append(f"the {what} are unknown: {why}")
    if wrong:
        return wrong
    was, now = ({(item["name"], item["arch"]) for item in content if item["kind"] == "hold"} for content, _why in held)
    wrong += [f"the hold on {plain(name, 100)} is gone" for name, _arch in sorted(was - now)]
    auto = [{(item["name"], item["arch"]): bool(item["auto"]) for item in content or []} for content, _why in marks]
    changed = sorted(key for key, mark in auto[0].items() if key in auto[1] and auto[1][key] != mark)
    return wrong + [
        f"{plain(name, 100)} is marked {'automatic' if auto[1][name, arch] else 'manual'} now" for name, arch in changed
    ]


def _kernel(after: Mapping[str, Any] | None) -> list[str]:
    boot, why = section(after, "boot")
    if boot is None:
        return [f"the running kernel is unknown: {why}"]
    kind = boot.get("kernel")
    if kind == "not_applicable":
        return []
    if kind != "own":
        return [f"whether the newest kernel runs is unknown: {plain(boot.get('kernel_reason') or 'no reason given')}"]
    running, newest = boot.get("kernel_running"), boot.get("kernel_newest")
    if running and running == newest:
        return []
    return [f"kernel {plain(running or '?', 60)} runs; the newest is {plain(newest or 'unknown', 60)}"]


def _processes(after: Mapping[str, Any] | None) -> list[str]:
    services, why = section(after, "services")
    if services is None:
        return [f"which processes use replaced files is unknown: {why}"]
    running = [item for item in services.get("outdated") or [] if not SESSION.fullmatch(str(item.get("unit") or ""))]
    outdated = sorted({plain(item.get("unit") or item.get("process") or "?", 60) for item in running})
    if outdated:
        return [f"{names(outdated)} still {'use' if len(outdated) > 1 else 'uses'} replaced files"]
    if services.get("complete") is not True:
        return [
            "which processes use replaced files is unknown:"
            f" {plain(services.get('reason') or 'not all could be looked at')}"
        ]
    return []


def _logins(after: Mapping[str, Any] | None) -> list[str]:
    items = (section(after, "services")[0] or {}).get("outdated") or []
    logins = [item for item in items if SESSION.fullmatch(str(item.get("unit") or ""))]
    found = sorted({f"{plain(item['unit'], 60)} ({plain(item.get('process') or '?', 60)})" for item in logins})
    return [f"{names(found)}: a login keeps replaced files until its user leaves"] if found else []


def _boot(after: Mapping[str, Any] | None, transaction: Mapping[str, Any] | None) -> list[str]:
    late: list[str] = []
    boot, why = section(after, "boot")
    if transaction and transaction.get("reboot_owed"):
        if not transaction.get("boot_id") or not (boot or {}).get("boot_id"):
            late.append(f"whether it was rebooted is unknown: {why or 'a boot id is missing'}")
        elif boot["boot_id"] == transaction["boot_id"]:
            late.append("a reboot is owed, and the boot id is still the same")
    reboot, reboot_why = section(after, "reboot")
    needed = (reboot or {}).get("needed")
    if needed == "yes":
        reasons = "; ".join(plain(item.get("text") or item.get("signal"), 100) for item in reboot.get("reasons") or [])
        late.append("a reboot is needed" + (f": {reasons}" if reasons else ""))
    elif needed != "no":
        late.append(
            "whether a reboot is needed is unknown:"
            f" {reboot_why or names(map(str, (reboot or {}).get('unknown') or [])) or 'nothing says'}"
        )
    return late


def _health(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[list[str], list[str]]:
    """`(what worked before and does not now, what cannot be compared)`."""
    was, was_why = section(before, "health")
    now, now_why = section(after, "health")
    if was is None or now is None:
        return [], [f"units and ports {'before' if was is None else 'now'} are unknown: {was_why or now_why}"]
    active = {str(item["name"]): item for item in now.get("units") or []}
    broken: list[str] = []
    for item in was.get("units") or []:
        name = str(item["name"])
        if item.get("active") != "active" or TRANSIENT.fullmatch(name) or _ended(item):
            continue
        found = active.get(name)
        if found is None or found.get("active") != "active":
            if item.get("sub") == "exited" and (found is None or _at_rest(found)):
                continue  # it had run once; a boot that finds nothing for it to do does not run it (a failure is below)
            broken.append(f"{plain(name, 100)} was active and is {plain(found.get('active') if found else 'gone', 30)}")
    failed = {str(name) for name in was.get("failed_units") or []}
    broken += [
        f"{plain(name, 100)} has failed"
        for name in now.get("failed_units") or []
        if str(name) not in failed and not TRANSIENT.fullmatch(str(name))
    ]
    listening = {_port(item) for item in now.get("ports") or []}
    for item in was.get("ports") or []:
        proto, number = _port(item)
        if number < EPHEMERAL and (proto, number) not in listening:
            broken.append(
                f"nothing listens on {plain(proto, 10)} {number}, where"
                f" {plain(item.get('process') or 'a process', 60)} did"
            )
    return list(dict.fromkeys(broken)), []


def _at_rest(unit: Mapping[str, Any]) -> bool:
    return unit.get("active") == "inactive" and unit.get("result") == "success"


def _ended(unit: Mapping[str, Any]) -> bool:
    """A start in progress is no state that must last."""
    return unit.get("sub") in ("start", "start-pre", "start-post", "activating", "elapsed")


def _port(item: Mapping[str, Any]) -> tuple[str, int]:
    return str(item.get("proto") or "").rstrip("6"), int(item.get("port") or 0)


def _checks(after: Mapping[str, Any] | None, checks: Iterable[Check]) -> tuple[list[str], list[str]]:
    """`(health checks of the policy that failed, checks without a result)`."""
    wanted = list(checks)
    if not wanted:
        return [], []
    results, why = section(after, "checks")
    if results is None:
        return [], [f"the policy's health checks were not made: {why}"]
    by = {str(item.get("check")): item for item in results}
    failed = [
        f"{plain(item.name, 100)}: {plain(by[item.name].get('detail') or 'failed')}"
        for item in wanted
        if by.get(item.name, {}).get("ok") is False
    ]
    silent = [
        f"{plain(item.name, 100)}: there is no result"
        for item in wanted
        if by.get(item.name, {}).get("ok") not in (True, False)
    ]
    return failed, silent

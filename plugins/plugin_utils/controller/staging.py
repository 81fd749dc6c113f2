# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carry package files: the host's own package manager fetches, the content store keeps and lends what a mirror lost."""

from __future__ import annotations

import os
import shlex
import tempfile
from typing import Any, NamedTuple

from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import HostAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.module_call import Answer, call
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.takeover import stop_when_refused
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.work import Work, store_path
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names
from ansible_collections.lockstep.patching.plugins.plugin_utils.store import Store

Line = dict[str, Any]


class Staged(NamedTuple):
    """What came of staging. `kind` is that of the module call; `problem` is empty when every file is on the host."""

    kind: str
    problem: str
    old: list[dict[str, Any]]
    """`[{name, arch, version, sha256, size, path}]` or with `reason` instead, the versions that a rollback needs."""


def stage(action: HostAction, work: Work, mode: str, lines: list[Line], old: list[dict[str, Any]]) -> Staged:
    """Bring the files of `lines` onto the host; in mode `elect` also into the store."""
    files = [line for line in lines if line["action"] != "remove"]
    answer = _acquire(action, work, mode, files, old)
    if answer.kind != "ok":
        return Staged(answer.kind, answer.message, [])
    store = Store(store_path(action))
    keep = {line["sha256"] for line in work.plan["body"]["lines"] if line["sha256"]}
    try:
        missing = [row for row in answer.result["lines"] if row["status"] != "staged"]
        if missing and (lent := [row for row in missing if row["sha256"] and store.has(row["sha256"], row["size"])]):
            _lend(action, store, answer.result["files_dir"], lent)
            answer = _acquire(action, work, "adopt", files, old)
            if answer.kind != "ok":
                return Staged(answer.kind, answer.message, [])
            missing = [row for row in answer.result["lines"] if row["status"] != "staged"]
        if mode == "elect":
            have = [row for row in answer.result["lines"] if row["status"] == "staged"]
            have += [row for row in answer.result["old"] if row.get("path")]
            _collect(action, store, have, keep)
    except AnsibleConnectionFailure as error:
        return Staged("unreachable", str(error), [])
    return Staged("ok", _problem(action, answer.result, missing), list(answer.result["old"]))


def _acquire(action: HostAction, work: Work, mode: str, lines: list[Line], old: list[dict[str, Any]]) -> Answer:
    arguments = {
        "mode": mode,
        "plan_id": work.plan_id,
        "ledger_id": work.base.ledger.ledger_id,
        "token": work.base.token,
        "lines": lines,
        "wanted_old": old,
    }
    answer = call(action, "acquire", arguments, action._vars)
    if answer.result.get("outcome") == "refused":
        stop_when_refused(work.base.ledger, work.base.fleet, work.base.token, action.host)
    return answer


def _problem(action: HostAction, result: dict[str, Any], missing: list[dict[str, Any]]) -> str:
    error = result.get("error")
    if error:
        return "; ".join(str(error[key]) for key in ("what", "where", "next") if error.get(key))
    if not missing:
        return ""
    what = names(f"{row['package']} {row['version']} ({row['reason'] or row['status']})" for row in missing)
    return (
        f"not to be had from its repositories or the content store: {what}; "
        "run acquire while a repository offers them, or supersede the plan (lockstep_supersede=REASON)"
    )


def _collect(action: HostAction, store: Store, rows: list[dict[str, Any]], keep: set[str]) -> None:
    """Host to store, each file verified while it is copied."""
    for row in rows:
        if not row["sha256"] or store.has(row["sha256"], row["size"]):
            continue
        os.makedirs(store.folder, mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=store.folder, prefix=".fetch-") as folder:
            local = os.path.join(folder, row["sha256"])
            action._connection.fetch_file(row["path"], local)
            store.put(local, row["sha256"], now_ms(), row["size"], keep)


def _lend(action: HostAction, store: Store, folder: str, rows: list[dict[str, Any]]) -> None:
    """Store to host. The connecting user may not write to the folder, so the file takes the way of a module's files."""
    tmp = action._make_tmp_path()
    try:
        for row in rows:
            remote = action._connection._shell.join_path(tmp, row["sha256"])
            action._transfer_file(store.get(row["sha256"], now_ms(), row["size"]), remote)
            action._fixup_perms2((tmp, remote))
            part = os.path.join(folder, row["sha256"] + ".part")
            moved = action._low_level_execute_command(f"cp {shlex.quote(remote)} {shlex.quote(part)}")
            if moved["rc"] != 0:
                raise LockstepError(
                    f"a file of the content store could not be put to {folder}: "
                    f"{moved.get('stderr', '').strip()[:300]}",
                    action.host,
                    "check the free space and permissions there, and run again",
                )
    except AnsibleConnectionFailure:
        raise
    except AnsibleError as error:
        raise LockstepError(
            f"a file of the content store could not be sent: {error}", action.host, "run again"
        ) from error
    finally:
        action._remove_tmp_path(tmp)

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.asking import AskingAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain, plural, utc
from ansible_collections.lockstep.patching.plugins.plugin_utils.sbom.read import NOT_ASKED, Imported, read

LIMIT = 64 * 1024 * 1024
"""Bytes of a file that is read."""


class ActionModule(AskingAction):
    """Keep what a file says of a host that cannot be reached as that host's state, marked as imported."""

    stage = "import_state"

    def answer(self, policy: Policy) -> tuple[str, dict[str, Any]]:
        host, path = str(self.argument("host", "")).strip(), str(self.argument("file", "")).strip()
        if not host or not path:
            raise LockstepError(
                "which file is the state of which host?", "import_state", "give -e host=NAME -e import_state_file=PATH"
            )
        path = os.path.abspath(os.path.expanduser(path))
        told = read(_text(path), path, str(self.argument("os", "")), str(self.argument("arch", "")))
        seen = self._seen(told, path)
        if not self._task.check_mode:
            with self.ledger(create=True) as ledger:
                self._keep(ledger, policy, host, path, told, seen)
        number = len(told.sections["packages"])
        left = f", {plural(told.left_out, 'component')} left out" if told.left_out else ""
        line = f"done: {plain(host, 100)} has {plural(number, 'package')} as of {utc(seen)}, imported{left}"
        return line, {"changed": True, "packages": number, "left_out": told.left_out, "seen_ms": seen}

    def _seen(self, told: Imported, path: str) -> int:
        given = self.argument("seen")
        if given:
            try:
                stamp = datetime.fromisoformat(str(given).replace("Z", "+00:00"))
            except ValueError as error:
                raise LockstepError(
                    f"'{plain(given, 60)}' is no time", "import_state_seen", "write it as 2026-11-21T14:05:00Z"
                ) from error
            seen: int | None = int((stamp if stamp.tzinfo else stamp.replace(tzinfo=timezone.utc)).timestamp() * 1000)
        else:
            seen = told.seen_ms
        if seen is None:
            raise LockstepError(
                "the file does not say when it was true", path, "give import_state_seen, such as 2026-11-21T14:05:00Z"
            )
        if seen > now_ms():
            raise LockstepError(f"its time, {utc(seen)}, is in the future", path, "mend it, or give import_state_seen")
        return seen

    def _keep(self, ledger: Ledger, policy: Policy, host: str, path: str, told: Imported, seen: int) -> None:
        known = ledger.state(policy.fleet, host)
        if known is not None and known["meta"]["look_ms"] and not known["meta"]["imported"]:
            raise LockstepError(
                f"this host was looked at itself, on {utc(known['meta']['look_ms'])}",
                host,
                "an import would replace what it said; import under another name",
            )
        if known is not None and known["meta"]["look_ms"] and known["meta"]["look_ms"] > seen:
            raise LockstepError(
                f"what is known of it is newer, from {utc(known['meta']['look_ms'])}", host, "nothing was imported"
            )
        common = self._common
        token = ledger.begin_run(
            policy.fleet, self.stage, common.actor, common.job, common.controller, policy.digest or None, now_ms()
        )
        unknown = {
            "what": "candidates",
            "why": NOT_ASKED,
            "next": "compare with advisories, or look at the host itself",
        }
        empty = dict.fromkeys(("pending", "security", "at_least", "outdated_services", "holds", "failed_units"))
        answer = {**empty, "supported": False, "reboot": "unknown", "manager": "unknown", "unknown": [unknown]}
        ledger.record_look(
            policy.fleet,
            host,
            token,
            seen,
            digests={name: digest(value) for name, value in told.sections.items()},
            sections=told.sections,
            answer=answer,
            fingerprint={},
            platform=None,
            imported={"file": os.path.basename(path), "format": told.format, "by": common.actor, "ms": now_ms()},
        )
        ledger.end_run(token, "done", f"imported the state of {host}", now_ms())


def _text(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            raw = stream.read(LIMIT + 1)
    except OSError as error:
        raise LockstepError(f"it cannot be read: {error.strerror}", path, "check import_state_file") from error
    if len(raw) > LIMIT:
        raise LockstepError(f"it is longer than {LIMIT} bytes", path, "split it by host")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LockstepError("it is not UTF-8 text", path, "save it as UTF-8") from error

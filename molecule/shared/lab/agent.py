# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands inside a virtual machine through QEMU's guest agent: neither SSH nor a network is needed."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import LabError
from .shell import locked

ANSWER_SECONDS = 15


class Agent:
    """The guest agent behind a socket; one question at a time, whoever asks."""

    def __init__(self, path: Path, who: str) -> None:
        self.path = path
        self.who = who

    def execute(self, argv: Sequence[str], stdin: str | None, timeout: float | None) -> subprocess.CompletedProcess:
        """Run argv in the guest to its end. LabError when the guest does not answer, or after timeout (seconds)."""
        given: dict[str, Any] = {"path": argv[0], "arg": list(argv[1:]), "capture-output": True}
        if stdin is not None:
            given["input-data"] = base64.b64encode(stdin.encode()).decode()
        pid = self._ask("guest-exec", given)["pid"]
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = 0.02
        while True:
            answer = self._ask("guest-exec-status", {"pid": pid})
            if answer["exited"]:
                status = answer["exitcode"] if "exitcode" in answer else -answer.get("signal", 1)
                out, err = (base64.b64decode(answer.get(key, "")).decode(errors="replace") for key in _STREAMS)
                return subprocess.CompletedProcess(list(argv), status, out, err)
            if deadline is not None and time.monotonic() > deadline:
                raise LabError(f"no end after {timeout:g} s: {' '.join(argv)}")
            time.sleep(pause)
            pause = min(0.5, pause * 1.5)

    def _ask(self, command: str, arguments: dict[str, Any]) -> Any:
        with locked(self.path.with_name(self.path.name + ".lock")):
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                    line.settimeout(ANSWER_SECONDS)
                    line.connect(str(self.path))
                    return self._talk(line, command, arguments)
            except (OSError, ValueError) as exc:
                raise LabError(f"host {self.who} is not running, or its guest agent does not answer: {exc}") from exc

    def _talk(self, line: socket.socket, command: str, arguments: dict[str, Any]) -> Any:
        number = int.from_bytes(os.urandom(4), "big")
        sync = json.dumps({"execute": "guest-sync-delimited", "arguments": {"id": number}})
        # 0xFF ends what an earlier question may have left half sent, and comes back before the answer
        line.sendall(b"\xff" + sync.encode() + b"\n")
        reader = line.makefile("rb")
        while json.loads(reader.readline().rpartition(b"\xff")[2] or b"{}").get("return") != number:
            continue
        line.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        answer = json.loads(reader.readline())
        if "return" not in answer:
            raise LabError(f"host {self.who}: {command}: {answer.get('error', {}).get('desc', answer)}")
        return answer["return"]


_STREAMS = ("out-data", "err-data")

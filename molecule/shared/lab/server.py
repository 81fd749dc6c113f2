# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The repository's HTTP server: one folder on one address, an access log, and faults on request.

Run as `python3 -m lab.server FOLDER ADDRESS PORT LOG FAULTS`. FAULTS is a JSON file that is read at each
request: a list of {"match": REGEX, "status": 503} or {"match": REGEX, "cut": BYTES} or
{"match": REGEX, "delay": SECONDS}. LOG gets a JSON line per answer: time (seconds), client, path, status,
bytes (of the body).
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files, logs what it sent, and applies the faults."""

    protocol_version = "HTTP/1.1"
    log_file: Path
    faults_file: Path

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal: the log is written when an answer is complete."""

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Keep the status for the log."""
        self.status = int(code) if str(code).isdigit() or not isinstance(code, str) else 0

    def list_directory(self, path: Any) -> None:
        """No listings."""
        self.send_error(404)

    def do_GET(self) -> None:
        self.status, self.sent = 0, 0
        # dates have whole seconds: two publications within one would look unchanged to a client
        del self.headers["If-Modified-Since"]
        fault = self.fault()
        time.sleep(float(fault.get("delay", 0)))
        self.limit = fault.get("cut")
        try:
            if "status" in fault:
                self.send_error(int(fault["status"]))
            else:
                super().do_GET()
        finally:
            self.note()

    def copyfile(self, source: BinaryIO, outputfile: BinaryIO) -> None:  # type: ignore[override]
        left = self.limit
        while data := source.read(65536 if left is None else min(65536, left)):
            outputfile.write(data)
            self.sent += len(data)
            if left is not None:
                left -= len(data)
        if self.limit is not None:
            self.close_connection = True

    def fault(self) -> dict[str, Any]:
        """The first fault whose pattern is found in the path; {} for none."""
        try:
            faults = json.loads(self.faults_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return next((f for f in faults if re.search(f["match"], self.path)), {})

    def note(self) -> None:
        """One line in the access log."""
        entry = {"time": round(time.time(), 3), "client": self.client_address[0], "path": self.path,
                 "status": self.status, "bytes": self.sent}  # fmt: skip
        line = json.dumps(entry).encode() + b"\n"
        log = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(log, line)  # one write, so that lines of several threads do not mix
        finally:
            os.close(log)


def main(argv: list[str]) -> None:
    """Serve until killed."""
    folder, address, port, log, faults = argv
    Handler.log_file, Handler.faults_file = Path(log), Path(faults)
    handler = functools.partial(Handler, directory=folder)
    http.server.ThreadingHTTPServer.daemon_threads = True
    http.server.ThreadingHTTPServer((address, int(port)), handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])

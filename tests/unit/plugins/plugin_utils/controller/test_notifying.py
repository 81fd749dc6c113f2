# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages reach a real server; one that is away or says no is named without its secret path."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.notifying import TRIES, send
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.notify import Notify


@pytest.fixture
def server() -> Iterator[Any]:
    """A receiver on loopback that keeps what it gets; it answers /no with 500."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.got.append((self.path, dict(self.headers), json.loads(body)))  # type: ignore[attr-defined]
            self.send_response(500 if self.path == "/no" else 204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the terminal."""

    made = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    made.got = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join(10)


def test_a_message_arrives_with_its_headers(server: Any) -> None:
    url = f"http://127.0.0.1:{server.server_port}/hook"
    assert send(Notify(url), {"event": "stopped", "text": "{{ 7 * 7 }}"}, {"Authorization": "Bearer x"}) == ""
    path, headers, body = server.got[0]
    assert path == "/hook" and headers["Authorization"] == "Bearer x" and body["text"] == "{{ 7 * 7 }}"


def test_a_receiver_that_says_no_or_is_away_stops_nothing(server: Any) -> None:
    port = server.server_port
    assert "500" in send(Notify(f"http://127.0.0.1:{port}/no"), {})
    assert len(server.got) == TRIES, "it is tried again, and not for ever"
    server.shutdown()
    server.server_close()
    said = send(Notify(f"http://127.0.0.1:{port}/secret"), {})
    assert said and "secret" not in said

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""URLs, from a server that the test runs."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from feed_samples import NOW, advisory, answers, epss, fixed, osv_zip
from test_feeds_bad_input import SMALL, bomb, cut, empty, half_json, lying_bomb, many_small, wrong_records

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.inputs import Limits
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import Feeds, open_feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import FIX, FIXED, UNKNOWN, Subject

ONE = "CVE-2026-0001"
OPENSSL = Subject("Debian:12", "openssl", "3.0", "deb")
HOUR = 3_600_000


class Server(http.server.ThreadingHTTPServer):
    """Answers with `body` and an ETag of it; says how it went in `said`. how: well, short, error, page or long."""

    body = b""
    how = "well"
    told: str | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.said: list[int] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        tag = f'"{hash(self.server.body)}"'
        status = 503 if self.server.how == "error" else 304 if self.headers.get("If-None-Match") == tag else 200
        self.server.said.append(status)
        self.server.told = self.headers.get("Authorization")
        self.send_response(status)
        if status != 200:
            self.end_headers()
            return
        body = b"<html>log in</html>" if self.server.how == "page" else self.server.body
        self.send_header("ETag", tag)
        self.send_header("Last-Modified", formatdate(NOW / 1000, usegmt=True))
        if self.server.how != "long":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.server.how == "short" else body)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def release(folder: Path, version: str) -> bytes:
    document = advisory("DSA-1-1", fixed("openssl", version), cves=(ONE,))
    return osv_zip(folder / "made.zip", document).read_bytes()


def asked(
    server: Server, folder: Path, now_ms: int = NOW, fetch: str = "always", limits: Limits | None = None
) -> Feeds:
    return open_feeds([server.url("all.zip")], str(folder / "cache"), now_ms, limits, fetch)


def test_what_has_not_changed_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    server.body = release(tmp_path, "3.1")
    feeds = asked(server, tmp_path)
    assert (feeds.problems, answers(feeds, OPENSSL)[ONE].status) == ([], FIX)
    (copy,) = (tmp_path / "cache" / "downloads").rglob("all.zip")
    assert copy.stat().st_mtime == NOW / 1000  # the publisher's date, not that of the download
    asked(server, tmp_path)
    asked(server, tmp_path, fetch="missing")
    asked(server, tmp_path, fetch="never")
    assert server.said == [200, 304]
    server.body = release(tmp_path, "2.9")
    assert answers(asked(server, tmp_path), OPENSSL)[ONE].status == FIXED
    assert server.said == [200, 304, 200]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("error", "the server answers 503"),
        ("short", "it "),
        ("page", "it is a web page, not data"),
        ("long", "it has more than the 300 bytes that are the limit"),
    ],
)
def test_the_last_good_copy_stays(server: Server, tmp_path: Path, how: str, message: str) -> None:
    server.body = release(tmp_path, "3.1")
    asked(server, tmp_path)
    server.body, server.how = release(tmp_path, "2.9"), how
    limits = Limits(file=300) if how == "long" else None
    feeds = asked(server, tmp_path, NOW + 30 * HOUR, limits=limits)
    (problem,) = feeds.problems
    assert problem.refused
    assert problem.what.startswith(message)
    assert problem.where == server.url("all.zip")
    assert problem.used == "the copy of 30 hours ago"
    assert answers(feeds, OPENSSL)[ONE].status == FIX
    assert list((tmp_path / "cache" / "downloads").rglob("*.[0-9]*")) == []


def test_a_new_copy_that_cannot_be_read_leaves_the_last_good_one(server: Server, tmp_path: Path) -> None:
    server.body = release(tmp_path, "3.1")
    asked(server, tmp_path)
    server.body = release(tmp_path, "2.9")[:-30]
    feeds = asked(server, tmp_path, NOW + HOUR)
    assert [problem.used for problem in feeds.problems] == ["the last good copy, taken 1 hours ago"]
    assert answers(feeds, OPENSSL)[ONE].status == FIX


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "damaged or cut off"),
        (bomb, "it unpacks to more than 1000000 bytes"),
        (lying_bomb, ""),
        (many_small, "it unpacks to more than 5000000 bytes"),
        (half_json, "it is no JSON"),
        (empty, "it is empty"),
        (wrong_records, "records are unusable"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_bad_data_from_a_server_leave_the_last_good_copy_and_say_how_old_it_is(
    server: Server, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    server.body = release(tmp_path, "3.1")
    assert asked(server, tmp_path).problems == []
    damage(tmp_path / "made.zip")
    server.body = (tmp_path / "made.zip").read_bytes()
    feeds = asked(server, tmp_path, NOW + 5 * HOUR, limits=SMALL)
    (problem,) = feeds.problems
    assert message in problem.what and problem.next
    assert problem.used in ("the last good copy, taken 5 hours ago", "the copy of 5 hours ago")
    assert answers(feeds, OPENSSL)[ONE].status == FIX and feeds.statuses[0].problem
    server.body = release(tmp_path, "2.9")
    again = asked(server, tmp_path, NOW + 6 * HOUR)
    assert again.problems == [] and answers(again, OPENSSL)[ONE].status == FIXED


def test_a_line_of_100_mb_from_a_server(server: Server, tmp_path: Path) -> None:
    url, cache = server.url("epss_scores.csv.gz"), str(tmp_path / "cache")
    server.body = epss(tmp_path / "made.gz", f"{ONE},0.5,0.9").read_bytes()
    assert open_feeds([url], cache, NOW, fetch="always").problems == []
    server.body = gzip.compress(b"#score_date:2026-08-17\ncve,epss,percentile\n" + b"9" * 100_000_000, 1)
    feeds = open_feeds([url], cache, NOW + HOUR, fetch="always")
    (problem,) = feeds.problems
    assert (problem.what, problem.used) == ("line 3 is longer than 4096 bytes", "the last good copy, taken 1 hours ago")
    assert [status.records for status in feeds.statuses] == [1]


def test_a_record_from_a_server_that_cannot_be_is_named_and_what_it_names_is_unknown(
    server: Server, tmp_path: Path
) -> None:
    server.body = release(tmp_path, "-1")
    feeds = asked(server, tmp_path)
    (problem,) = feeds.problems
    assert problem.what == "the fixed version of openssl in Debian:12 is impossible: '-1'"
    assert problem.where.endswith("all.zip: DSA-1-1.json: DSA-1-1")
    assert answers(feeds, OPENSSL)[ONE].status == UNKNOWN


def test_a_server_that_is_not_there(server: Server, tmp_path: Path) -> None:
    server.how = "error"
    feeds = asked(server, tmp_path)
    assert [problem.what for problem in feeds.problems] == [
        "the server answers 503 Service Unavailable",
        "there is no copy of it yet",
    ]
    assert open_feeds("http://127.0.0.1:9/x.zip", str(tmp_path / "cache"), NOW).problems[0].where.endswith(":9/x.zip")


def test_a_password_goes_to_the_server_and_into_no_message_or_file(server: Server, tmp_path: Path) -> None:
    server.body = release(tmp_path, "3.1")
    url = server.url("all.zip").replace("//", "//ann:s3%40cret@")
    cache = tmp_path / "cache"
    assert open_feeds(url, str(cache), NOW, fetch="always").problems == []
    assert server.told == "Basic YW5uOnMzQGNyZXQ="
    server.how = "error"
    (problem,) = open_feeds(url, str(cache), NOW, fetch="always").problems
    assert problem.where == problem.feed == server.url("all.zip")
    told = "".join(file.read_text(errors="replace") for file in cache.rglob("*.json"))
    assert "cret" not in told

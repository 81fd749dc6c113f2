# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""URLs of feeds: fetched with conditional requests, limits of size and time, and an atomic replace."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.errors import FeedError
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.inputs import refuse_html
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.sources import shown

_TIMEOUT = 30.0
"""Seconds without a byte."""
_WHOLE = 900.0
"""Seconds for a whole download."""
_CHUNK = 1 << 20


class Got(NamedTuple):
    """A copy of a URL. path: None where there is none; fetched_ms: when the server last confirmed it; problem: why it
    was not confirmed this time."""

    name: str
    path: str | None
    fetched_ms: int | None
    changed: bool
    problem: FeedError | None


def fetch(url: str, folder: str, limit: int, now_ms: int, mode: str = "always") -> Got:
    """The copy of a URL in the folder, after asking the server as mode says: `always`, `missing` or `never`."""
    name = os.path.basename(urllib.parse.urlsplit(url).path) or "data"
    place = os.path.join(folder, hashlib.sha256(url.encode()).hexdigest()[:16])
    os.makedirs(place, mode=0o700, exist_ok=True)
    path, notes = os.path.join(place, name), os.path.join(place, "fetched.json")
    known = _notes(notes) if os.path.exists(path) else {}
    have = path if known else None
    if mode == "never" or (mode == "missing" and have):
        return Got(name, have, known.get("fetched_ms"), False, None)
    try:
        tags = _get(url, path, limit, known)
    except FeedError as error:
        return Got(name, have, known.get("fetched_ms"), False, error)
    changed = tags is not None
    known = {**(tags or known), "url": shown(url), "fetched_ms": now_ms}
    partial = f"{notes}.{os.getpid()}"
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(known, file)
    os.replace(partial, notes)
    return Got(name, path, now_ms, changed, None)


def _notes(path: str) -> dict[str, Any]:
    with suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
        loaded = json.load(file)
        return loaded if isinstance(loaded, dict) else {}
    return {}


def _get(url: str, path: str, limit: int, known: dict[str, Any]) -> dict[str, Any] | None:
    """New tags after the file was replaced; None when the server says that it has not changed."""
    secret, url = urllib.parse.urlsplit(url), shown(url)
    request = urllib.request.Request(url, headers={"User-Agent": "lockstep.patching", "Accept-Encoding": "identity"})
    for header, key in (("If-None-Match", "etag"), ("If-Modified-Since", "modified")):
        if known.get(key):
            request.add_header(header, known[key])
    if secret.username is not None:
        pair = f"{urllib.parse.unquote(secret.username)}:{urllib.parse.unquote(secret.password or '')}"
        word = base64.b64encode(pair.encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {word}")  # never told to where it redirects
    partial = f"{path}.{os.getpid()}"
    try:
        with urllib.request.build_opener().open(request, timeout=_TIMEOUT) as answer:
            stated = answer.headers.get("Content-Length")
            if stated and stated.isdigit() and int(stated) > limit:
                raise FeedError(f"it has {stated} bytes, and {limit} are the limit", url, "is it the right URL?")
            _save(answer, partial, url, limit, int(stated) if stated and stated.isdigit() else None)
            tags = {"etag": answer.headers.get("ETag"), "modified": answer.headers.get("Last-Modified")}
        with suppress(TypeError, ValueError, OverflowError, OSError):  # the date of data that do not say theirs
            published = email.utils.parsedate_to_datetime(tags["modified"]).timestamp()
            os.utime(partial, (published, published))
        os.replace(partial, path)
        return tags
    except urllib.error.HTTPError as error:
        if error.code == 304 and known:
            return None
        raise FeedError(f"the server answers {error.code} {error.reason}", url, "is the URL right?") from error
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise FeedError(f"it cannot be fetched: {reason}", url, "check the network and the URL") from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(partial)


def _save(answer: Any, partial: str, url: str, limit: int, stated: int | None) -> None:
    began, size = time.monotonic(), 0
    with open(partial, "wb") as file:
        while data := answer.read(_CHUNK):
            if not size:
                refuse_html(data[:512], url)
            size += len(data)
            if size > limit:
                raise FeedError(f"it has more than the {limit} bytes that are the limit", url, "is it the right URL?")
            if time.monotonic() - began > _WHOLE:
                raise FeedError(f"it took more than {_WHOLE:.0f} seconds", url, "try again, or fetch it by hand")
            file.write(data)
        if stated is not None and size != stated:
            raise FeedError(f"it ended after {size} of {stated} bytes", url, "try again")
        file.flush()
        os.fsync(file.fileno())

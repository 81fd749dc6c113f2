# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The package history of a dpkg host, rotated logs included."""

import gzip
import os
import re
import time
import zlib
from typing import Dict, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._parse import package_logs
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Event, History, Source

FILE_LIMIT = 64 * 1024 * 1024  # bytes read of one log, unpacked
EVENT_LIMIT = 20000
DAY_MS = 86400000


def history(host, since_ms, now_ms):
    """Return the History from since_ms (UTC ms) on, of dpkg's logs and, before they begin, of apt's."""
    convert = _Clock().to_ms
    pending: Dict[str, Tuple[str, Optional[str], Optional[str]]] = {}
    dpkg_sources, entries, gaps = _read(
        host, "/var/log", "dpkg.log", since_ms, convert, lambda text: package_logs.parse_dpkg(text, convert, pending)
    )
    starts = [source.from_ms for source in dpkg_sources if source.from_ms is not None]
    complete = min(starts) if starts else None
    apt_sources, before, apt_gaps = _read(
        host, "/var/log/apt", "history.log", since_ms, convert, lambda text: package_logs.parse_apt(text, convert)
    )
    if complete is not None:
        before = [entry for entry in before if entry.ms < complete]
    entries = sorted(entry for entry in before + entries if since_ms <= entry.ms)
    gaps += [gap for gap in apt_gaps if "cannot" in gap]
    if complete is None:
        gaps.insert(0, "no dpkg log with an entry: who patched what before this look is not known")
    elif complete > since_ms and not any("cannot" in gap for gap in gaps):
        gaps.insert(0, "no dpkg log before {0}: rotated away, or the host is younger".format(_day(complete)))
    if len(entries) > EVENT_LIMIT:
        entries = entries[-EVENT_LIMIT:]
        complete = entries[0].ms
        gaps.append("only the last {0} package steps are kept, from {1} on".format(EVENT_LIMIT, _day(complete)))
    patched = [entry.ms for entry in entries if entry.action == "upgrade"]
    return History(
        dpkg_sources + apt_sources,
        complete,
        max(patched) if patched else None,
        [Event(*entry) for entry in entries],
        "; ".join(gaps) or None,
    )


def _read(host, folder, name, since_ms, convert, parse):
    """Return (sources, entries, gaps) of a log and its rotations, oldest first."""
    numbered = []
    gaps = []
    try:
        files = os.listdir(host.path(folder))
    except OSError as error:
        return [], [], ["{0} cannot be listed: {1}".format(folder, error.strerror)]
    for file in files:
        found = re.match(re.escape(name) + r"(?:\.(\d+))?(\.gz)?$", file)
        if found:
            numbered.append((int(found.group(1) or 0), folder + "/" + file))
        elif re.match(re.escape(name) + r"\..*(xz|zst|bz2)$|" + re.escape(name) + r"-\d{8}", file):
            gaps.append("{0}/{1} cannot be read: this way of rotation is not known".format(folder, file))
    numbers = sorted(number for number, _path in numbered if number)
    for number in range(1, max(numbers) if numbers else 1):
        if number not in numbers:
            gaps.append("{0}/{1}.{2} is gone from among the rotated logs".format(folder, name, number))
    sources = []
    entries = []
    for _number, path in sorted(numbered, reverse=True):
        try:
            if os.stat(host.path(path)).st_mtime * 1000 < since_ms:
                continue  # rotated before the span began
            text = _text(host.path(path))
        except (OSError, EOFError, zlib.error) as error:
            sources.append(Source(path, None, None, False))
            gaps.append("{0} cannot be read: {1}".format(path, getattr(error, "strerror", None) or error))
            continue
        first, last = package_logs.span(text, convert)
        sources.append(Source(path, first, last, True))
        entries.extend(parse(text))
    return sources, entries, gaps


def _text(path):
    with gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb") as stream:
        return stream.read(FILE_LIMIT).decode("utf-8", "replace")


class _Clock(object):
    """Local time as the logs write it to UTC ms; the offset is worked out once an hour of the log."""

    def __init__(self):
        self._hours: Dict[str, int] = {}

    def to_ms(self, stamp):
        hour = stamp[:13]
        if hour not in self._hours:
            try:
                self._hours[hour] = int(time.mktime(time.strptime(hour, "%Y-%m-%d %H")))
            except (ValueError, OverflowError):
                self._hours[hour] = 0
        return (self._hours[hour] + int(stamp[14:16]) * 60 + int(stamp[17:19])) * 1000


def _day(ms):
    return time.strftime("%Y-%m-%d", time.gmtime(ms // 1000))

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The package history of a host with zypp, rotated logs included."""

import bz2
import gzip
import lzma
import os
import re
import time
import zlib
from typing import Any, Dict, List, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.rpm_version import newer
from ansible_collections.lockstep.patching.plugins.module_utils._parse import zypp_files
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Event, History, Source
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

FOLDER = "/var/log/zypp"
FILE_LIMIT = 64 * 1024 * 1024  # bytes read of one log, unpacked
EVENT_LIMIT = 20000
_NAMES = re.compile(r"history(?:-(\d{8}))?(\.(?:gz|xz|bz2|zst))?\Z")
_OPEN = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}


def history(host: Host, since_ms: int, now_ms: int) -> History:
    """Return the History from since_ms (UTC ms) on. zypp writes no version before: it is that of the package's last
    line, so the logs are read from their beginning."""
    sources: List[Source] = []
    gaps: List[str] = []
    steps: List[zypp_files.Step] = []
    try:
        names = sorted(os.listdir(host.path(FOLDER)))
    except OSError:
        names = []
    # dates sort, and the log without one is the newest
    for name in sorted((each for each in names if _NAMES.match(each)), key=lambda each: (each == "history", each)):
        path = FOLDER + "/" + name
        try:
            text = _text(host.path(path))
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            sources.append(Source(path, None, None, False))
            gaps.append("{0} cannot be read: {1}".format(path, getattr(error, "strerror", None) or error))
            continue
        first, last = zypp_files.span(text, to_ms)
        sources.append(Source(path, first, last, True))
        steps.extend(zypp_files.parse_history(text, to_ms))
    events = [event for event in _events(steps) if since_ms <= event.ms]
    starts = [source.from_ms for source in sources if source.from_ms is not None]
    complete = min(starts) if starts else None
    if complete is None:
        gaps.insert(0, "no zypp history with an entry: who patched what before this look is not known")
    elif complete > since_ms:
        gaps.insert(0, "no zypp history before {0}: rotated away, or the host is younger".format(_day(complete)))
    if len(events) > EVENT_LIMIT:
        events = events[-EVENT_LIMIT:]
        complete = events[0].ms
        gaps.append("only the last {0} package steps are kept, from {1} on".format(EVENT_LIMIT, _day(complete)))
    patched = [event.ms for event in events if event.action == "upgrade"]
    return History(sources, complete, max(patched) if patched else None, events, "; ".join(gaps) or None)


def _events(steps: List[zypp_files.Step]) -> List[Event]:
    """An installation where the log has an older version of the package is an upgrade from that."""
    known: Dict[Tuple[str, str], str] = {}
    events = []
    for step in steps:
        key = (step.name, step.arch)
        before = known.pop(key, None)
        if step.action == "remove":
            events.append(Event(step.ms, step.name, step.arch, "remove", before or step.version, None))
            continue
        known[key] = step.version
        if before == step.version:
            continue  # installed anew
        action = "install" if before is None else "upgrade" if newer(step.version, before) else "downgrade"
        events.append(Event(step.ms, step.name, step.arch, action, before, step.version))
    return events


def to_ms(stamp: str) -> int:
    """UTC ms of the local time that zypp writes; 0 for what is no time."""
    try:
        return int(time.mktime(time.strptime(stamp, "%Y-%m-%d %H:%M:%S"))) * 1000
    except (ValueError, OverflowError):
        return 0


def _text(path):
    ending = os.path.splitext(path)[1]
    if ending == ".zst":
        raise OSError("this way of packing is not read here")
    opener: Any = _OPEN.get(ending, open)
    with opener(path, "rb") as stream:
        return stream.read(FILE_LIMIT).decode("utf-8", "replace")


def _day(ms):
    return time.strftime("%Y-%m-%d", time.gmtime(ms // 1000))

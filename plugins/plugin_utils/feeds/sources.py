# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `lockstep_feeds` names: folders, files and URLs, as single feeds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.errors import FeedError

_ENDINGS = (".zip", ".json", ".json.gz", ".json.xz", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
_TABLES = (".csv", ".csv.gz", ".csv.xz")
_MANY = 20
"""A folder below the feeds folder with more JSON files than this is one feed of many records."""


class Source(NamedTuple):
    """One feed. name: as messages and reports call it; path: the file or folder; url: "" or where it is from."""

    name: str
    path: str
    url: str


def listed(wanted: str | Iterable[str] | None) -> list[str]:
    """The entries of `lockstep_feeds`: one text (also with commas), or a list."""
    if not wanted:
        return []
    parts = wanted.split(",") if isinstance(wanted, str) else [str(each) for each in wanted]
    return [part.strip() for part in parts if part.strip()]


def is_url(entry: str) -> bool:
    return entry.startswith(("https://", "http://"))


def shown(entry: str) -> str:
    """An entry as messages name it: a URL without its password."""
    head, at, host = entry.partition("://")
    authority, slash, path = host.partition("/")
    return f"{head}://{authority.rpartition('@')[2]}{slash}{path}" if at else entry


def local(entry: str) -> list[Source]:
    """The feeds of a file or folder; FeedError where there is none."""
    path = os.path.abspath(os.path.expanduser(entry))
    if os.path.isdir(path):
        found = _of_folder(path)
        if not found:
            raise FeedError("it has no vulnerability data", path, "name a folder with feeds; see docs/feeds.md")
        return found
    if not os.path.exists(path):
        raise FeedError("it is not there", path, "set lockstep_feeds to folders, files or URLs of vulnerability data")
    return [Source(os.path.basename(path), path, "")]


def _of_folder(folder: str) -> list[Source]:
    found = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.startswith("."):
            continue
        if os.path.isdir(path):
            if _many_records(path):
                found.append(Source(name, path, ""))
            else:
                found += [each._replace(name=f"{name}/{each.name}") for each in _of_folder(path)]
        elif name.endswith(_ENDINGS) or (name.endswith(_TABLES) and "epss" in name.lower()):
            found.append(Source(name, path, ""))
    return found


def _many_records(folder: str) -> bool:
    count = 0
    for _top, _folders, names in os.walk(folder):
        count += sum(1 for name in names if name.endswith(".json"))
        if count > _MANY:
            return True
    return False

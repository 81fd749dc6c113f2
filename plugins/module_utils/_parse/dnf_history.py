# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dnf 4's history database: its rows -> events."""

from typing import Any, Dict, Iterable, List, Tuple

QUERY = """\
SELECT trans.id, trans.dt_begin, trans_item.action, rpm.name, rpm.arch, rpm.epoch, rpm.version, rpm.release
FROM trans JOIN trans_item ON trans_item.trans_id = trans.id JOIN rpm ON rpm.item_id = trans_item.item_id
WHERE trans.state = 1 ORDER BY trans.id, trans_item.id"""
FIRST = "SELECT MIN(dt_begin) FROM trans"
INSTALL, DOWNGRADE, DOWNGRADED, OBSOLETED, UPGRADE, UPGRADED, REMOVE = 1, 2, 3, 5, 6, 7, 8
_BEFORE = {UPGRADED: UPGRADE, DOWNGRADED: DOWNGRADE}
_ACTIONS = {INSTALL: "install", UPGRADE: "upgrade", DOWNGRADE: "downgrade", REMOVE: "remove", OBSOLETED: "remove"}


def events(rows: Iterable[Tuple[Any, ...]]) -> List[Dict[str, Any]]:
    """Return [{ms, name, arch, action, old, new}] of QUERY's rows, in their order."""
    listed = list(rows)
    before = {
        (row[0], _BEFORE[row[2]], row[3], row[4]): _evr(*row[5:]) for row in listed if row[2] in _BEFORE
    }  # in the same transaction the old version stands in a row of its own
    found = []
    for number, begun, action, name, arch, epoch, version, release in listed:
        if action not in _ACTIONS:
            continue
        text = _evr(epoch, version, release)
        removed = action in (REMOVE, OBSOLETED)
        old = text if removed else before.get((number, action, name, arch))
        new = None if removed else text
        said = _ACTIONS[action]
        found.append({"ms": int(begun) * 1000, "name": name, "arch": arch, "action": said, "old": old, "new": new})
    return found


def _evr(epoch, version, release):
    text = "{0}-{1}".format(version, release)
    return "{0}:{1}".format(epoch, text) if int(epoch or 0) else text

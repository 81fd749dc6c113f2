# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The history databases of dnf 4 and dnf 5: their rows -> events."""

from typing import Any, Dict, Iterable, List, Tuple

QUERY = """\
SELECT trans.id, trans.dt_begin, trans_item.action, rpm.name, rpm.arch, rpm.epoch, rpm.version, rpm.release
FROM trans JOIN trans_item ON trans_item.trans_id = trans.id JOIN rpm ON rpm.item_id = trans_item.item_id
WHERE trans.state = 1 ORDER BY trans.id, trans_item.id"""
QUERY5 = """\
SELECT trans.id, trans.dt_begin, CASE it.action_id WHEN 1 THEN 1 WHEN 2 THEN 6 WHEN 3 THEN 2 WHEN 5 THEN 8
  WHEN 6 THEN CASE coming.action_id WHEN 2 THEN 7 WHEN 3 THEN 3 WHEN 4 THEN 0 ELSE 5 END ELSE 0 END,
  pkg_name.name, arch.name, rpm.epoch, rpm.version, rpm.release
FROM trans JOIN trans_item AS it ON it.trans_id = trans.id JOIN rpm ON rpm.item_id = it.item_id
JOIN pkg_name ON pkg_name.id = rpm.name_id JOIN arch ON arch.id = rpm.arch_id
LEFT JOIN (trans_item AS coming JOIN rpm AS new ON new.item_id = coming.item_id) ON coming.trans_id = it.trans_id
  AND new.name_id = rpm.name_id AND new.arch_id = rpm.arch_id AND coming.action_id IN (2, 3, 4)
WHERE trans.state_id IN (2, 3) ORDER BY trans.id, it.id"""
"""dnf 5's, with its actions (install, upgrade, downgrade, reinstall, remove, replaced) in the numbers of dnf 4.
Its own table of what replaces what was empty where it was recorded."""
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

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Books that an older version kept as lists of groups: their history is told as it was, and goes on."""

from __future__ import annotations

import sqlalchemy as sa

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.kept import Kept
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.past import past_lives
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, content
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.finding_tables import books, open_books
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.findings import HostBook
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.book import Shelf
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Entry, Group, Profile
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shelves import shelf_of

DAY = 86_400_000
NOW = 1_795_000_000_000
NAMES = ("openssl", "curl")
SCHEME = {"rows": [{"row": 0, "decision": "soon"}]}
CONTENTS = {"scheme": SCHEME, "feeds": [], "facts": {}, "waivers": [], "news": [], "summary": {}}


def group(source: str) -> Group:
    entry = Entry(f"CVE-{source}", NOW, "affected, fix available", "2", 0, NOW + DAY, NOW)
    return Group(source, "1", "Debian:12", (source,), Profile("open", "high", "high", ()), "unknown", (entry,))


GROUPS = {digest(group(name).content()): group(name) for name in NAMES}
NAME = {made.source: name for name, made in GROUPS.items()}


def written_before(ledger: Ledger, token: int) -> None:
    """Two assessments of one host as they were written then: two packages open, and a day and a half later one."""
    for at, (names, closed) in enumerate(
        [(sorted(GROUPS), None), ([NAME["curl"]], [["openssl", "CVE-openssl", "fixed", NOW, NOW + DAY, "2", "2"]])]
    ):
        ms = NOW + at * 3 * DAY // 2
        number = ledger.record_assessment("default", token, ms, "0" * 64, CONTENTS, {}, {})
        values = [content.pack(made.content()) for made in GROUPS.values()] + [content.pack(names)]
        shut = content.pack(closed) if closed else None
        with ledger.database.write() as connection:
            content.store(connection, {item.digest: item for item in (*values, *([shut] if shut else ()))})
            row = {"host_id": 1, "assessment_id": number, "book": values[-1].digest}
            connection.execute(sa.insert(books).values(**row, closed=shut.digest if shut else None))
            connection.execute(sa.delete(open_books))
            connection.execute(sa.insert(open_books).values(**row, incarnation=1, look_ms=ms))


def test_an_older_ledger_keeps_its_history_and_goes_on(tmp_path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        token = ledger.begin_run("default", "assess", "test", None, "test", None, NOW)
        ledger.record_unreachable("default", "web1", token, NOW, "only to have the host")
        written_before(ledger, token)
        assert ledger.groups_of("default", "web1") == [
            {**group("curl").content(), "findings": [[*map(_plain, group("curl").findings[0])]]}
        ]
        assert ledger.deadlines("default", NOW)["web1"].open == 1
        book = ledger.open_books("default")["web1"]
        kept = Kept.of_open(ledger, [(book["book"], book["names"])])
        (name,) = kept.books[book["book"]]
        assert kept.shelves[name] == Shelf(shelf_of("curl"), (NAME["curl"],)) and kept.groups == {
            NAME["curl"]: group("curl")
        }

        def told(until: int) -> dict[str, tuple[str, int | None]]:
            lives = past_lives(ledger, "default", NOW, until)
            return {life.vuln: (life.outcome, life.closed_ms) for _host, life in lives}

        before = told(NOW + 2 * DAY)
        assert before == {"CVE-openssl": ("missed", NOW + 3 * DAY // 2), "CVE-curl": ("missed", None)}
        assert told(NOW + DAY // 2) == {"CVE-openssl": ("open", None), "CVE-curl": ("open", None)}
        # and the next one, on shelves: nothing of what was open closes or opens by that
        new = HostBook((name,), (), 1, NOW + 2 * DAY)
        ledger.record_assessment(
            "default", token, NOW + 2 * DAY, "0" * 64, CONTENTS, {name: kept.shelves[name].content()}, {"web1": new}
        )
        assert told(NOW + 3 * DAY) == before
        assert ledger.deadlines("default", NOW)["web1"].open == 1


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value

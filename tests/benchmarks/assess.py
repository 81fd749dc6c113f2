# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An assessment of 10,000 hosts with all that belongs to it: matching, decisions, the ledger, the report's view.

Needs real data (LOCKSTEP_TEST_FEEDS); the fleet is that of feeds.py. Measures the first assessment (everything opens),
one in which nothing has changed, and what each adds to the ledger. Processor seconds of this process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from feeds import NOW_MS, write_ledger  # noqa: E402

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.assess_data import assess_data, told
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.assessing import Fleet, assess
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.garbage import uncollected
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.offers import Offers
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.risk_files import (
    RiskFiles,
    read_policy_scheme,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import open_feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import default_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.assess import assess_view
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.write import write

EXPOSURES = ("open", "controlled", "small")


def once(folder: Path, feeds_from: str, count: int, at: int) -> dict[str, float]:
    spent: dict[str, float] = {}
    last = time.process_time()

    def lap(name: str) -> None:
        nonlocal last
        now = time.process_time()
        spent[name] = round(now - last, 2)
        last = now

    now_ms = NOW_MS + at * 86_400_000
    policy = default_policy()
    with Ledger.open(f"sqlite:///{folder}/ledger.db") as ledger:
        token = ledger.begin_run("default", "assess", "bench", None, "bench", None, now_ms)
        feeds = open_feeds(feeds_from, str(folder / "cache"), now_ms)
        lap("feeds")
        hosts = [f"host{number:05}" for number in range(count)]
        words = {host: {"lockstep_exposure": EXPOSURES[number % 3]} for number, host in enumerate(hosts)}
        offers = Offers(ledger, "default", hosts)
        lap("offers")
        fleet = Fleet("default", hosts, words, offers.in_use, offers.controls, ())
        files = RiskFiles(read_policy_scheme(policy, str(folder)), (), {})
        made = assess(ledger, fleet, token, policy, files, feeds, str(folder / "cache"), now_ms)
        lap("assess")
        data = assess_data("default", policy, None, files, feeds, made, offers, now_ms)
        lap("data")
        view = assess_view(data)
        lap("view")
        write(view, str(folder / "report"))
        lap("files")
        feeds.close()
    print(told(data))
    spent["ledger_mb"] = round(os.path.getsize(folder / "ledger.db") / 1e6, 1)
    spent["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    spent["groups"] = len(made.groups)
    spent["findings"] = sum(row["open"] for row in data["hosts"])
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=10_000)
    count = parser.parse_args().hosts
    feeds_from = os.environ.get("LOCKSTEP_TEST_FEEDS", "")
    if not feeds_from:
        print("skipped: LOCKSTEP_TEST_FEEDS names no real vulnerability data")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_ledger(folder / "ledger.db", Path(feeds_from), count)
        print(f"ledger before: {os.path.getsize(folder / 'ledger.db') / 1e6:.1f} MB")
        for at, what in enumerate(["first", "again", "again"]):
            with uncollected():
                print(what, json.dumps(once(folder, feeds_from, count, at)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

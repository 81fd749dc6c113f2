# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a report of a big fleet takes to make, and how big its files are: `report_size.py [HOSTS [FOLDER]]`.

The fleet is the worst case for the page, as no two hosts lack the same packages. With a folder the files stay
there, to be opened in a browser: the page should open in under 3 s and be smaller than 15 MB with 10,000
hosts of 20 packages.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "plugins" / "plugin_utils" / "report"))

import report_samples as samples  # noqa: E402

from ansible_collections.lockstep.patching.plugins.plugin_utils.report import view  # noqa: E402


def main() -> None:
    hosts = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    states = list(samples.big_fleet(hosts))
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        made = view.fleet_view(states, None, samples.NOW, "default")
        print(f"view of {hosts} hosts: {time.perf_counter() - started:.2f} s")
        for kind in ("html", "json", "csv"):
            started = time.perf_counter()
            paths = view.write(made, sys.argv[2] if len(sys.argv) > 2 else scratch, [kind])
            size = sum(os.path.getsize(path) for path in paths.values())
            print(f"{kind}: {time.perf_counter() - started:.2f} s, {size / 1e6:.1f} MB")
        started = time.perf_counter()
        lines = view.terminal(made, 80).count("\n")
        print(f"terminal: {time.perf_counter() - started:.2f} s, {lines} lines")


if __name__ == "__main__":
    main()

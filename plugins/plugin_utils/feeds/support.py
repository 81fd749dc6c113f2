# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Until when advisories of a release are published for everybody. After it, no advisory is no good news.

From distro-info-data (Debian with LTS, Ubuntu without Pro) and the AlmaLinux release pages. A release that is not here
is taken to be supported.
"""

from __future__ import annotations

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.dates import milliseconds

_ENDS = {
    "Debian:9": "2022-06-30",
    "Debian:10": "2024-06-30",
    "Debian:11": "2026-08-31",
    "Debian:12": "2028-06-30",
    "Debian:13": "2030-06-30",
    "Ubuntu:18.04": "2023-05-31",
    "Ubuntu:20.04": "2025-05-29",
    "Ubuntu:22.04": "2027-06-01",
    "Ubuntu:24.04": "2029-05-31",
    "AlmaLinux:8": "2029-05-31",
    "AlmaLinux:9": "2032-05-31",
    "AlmaLinux:10": "2035-05-31",
}
_DAY_MS = 86_400_000


def ended(ecosystem: str, now_ms: int) -> str | None:
    """The day (`YYYY-MM-DD`) on which support ended, or None while it goes on."""
    day = _ENDS.get(ecosystem)
    end = milliseconds(day)
    return day if end is not None and now_ms >= end + _DAY_MS else None

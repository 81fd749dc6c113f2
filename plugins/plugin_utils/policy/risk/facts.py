# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What feeds say of a vulnerability, as inputs of a decision. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timezone

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Facts
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.words import SEVERITY, UNKNOWN, WORDS
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import Cvss, Vulnerability

SEVERITIES = {
    "none": "none",
    "low": "low",
    "negligible": "low",
    "unimportant": "low",
    "minor": "low",
    "medium": "medium",
    "moderate": "medium",
    "high": "high",
    "important": "high",
    "critical": "critical",
}
"""Words of CVSS, Red Hat, Debian, SUSE and Ubuntu."""
RATINGS = ((90, "critical"), (70, "high"), (40, "medium"), (1, "low"), (0, "none"))
"""CVSS' own ratings of a score in tenths."""


def facts_of(known: Vulnerability, catalogue_ms: int | None) -> Facts:
    """The facts of one vulnerability. `catalogue_ms`: the date of the KEV catalogue that was read, None for no
    catalogue: then nobody knows whether it is in it. The same holds for what became public after that date."""
    kev = "yes" if known.kev else _not_listed(known, catalogue_ms)
    score = best_score(known.cvss)
    words = [SEVERITIES[word] for _source, word in known.severity if word in SEVERITIES]
    vendor = max(words, key=SEVERITY.index) if words else None
    ssvc = known.ssvc
    return Facts(
        kev=kev,
        exploitation=_word("exploitation", ssvc.exploitation if ssvc else None),
        automatable=_word("automatable", ssvc.automatable if ssvc else None),
        technical_impact=_word("technical_impact", ssvc.technical_impact if ssvc else None),
        severity=severity_of(round(score.score * 10) if score else None, vendor),
        cvss=round(score.score * 10) if score else None,
        vector=score.vector if score else "",
        epss=round(known.epss.score * 100_000) if known.epss else None,
        published_ms=known.published_ms,
        kev_added_ms=_day_ms(known.kev.added) if known.kev else None,
        kev_due_ms=_day_ms(known.kev.due) if known.kev else None,
        ransomware=known.kev.ransomware if known.kev else UNKNOWN,
    )


def best_score(scores: Sequence[Cvss]) -> Cvss | None:
    """The highest score of the newest version of CVSS that anybody gave."""
    return max(scores, key=lambda item: (item.version, item.score), default=None)


def _not_listed(known: Vulnerability, catalogue_ms: int | None) -> str:
    if catalogue_ms is None:
        return UNKNOWN
    if known.published_ms is not None:
        return "no" if known.published_ms <= catalogue_ms else UNKNOWN
    year = known.id.split("-")[1] if known.id.startswith("CVE-") else ""
    if not year.isdigit():
        return UNKNOWN
    return "no" if int(year) <= datetime.fromtimestamp(catalogue_ms / 1000, timezone.utc).year else UNKNOWN


def _word(name: str, value: str | None) -> str:
    return value if value in WORDS[name] else UNKNOWN


def _day_ms(text: str) -> int | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return int(datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp() * 1000)


def severity_of(score10: int | None, word: str | None) -> str:
    """The rating of a CVSS score in tenths, else the vendor's word, else `unknown`."""
    if score10 is not None:
        return next(rating for least, rating in RATINGS if score10 >= least)
    return word or UNKNOWN

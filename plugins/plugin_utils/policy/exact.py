# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two exact methods for small numbers of hosts: Fisher's test and the Clopper-Pearson limit. Pure.

Both sum the distribution itself, without an approximation that needs many hosts; why these two: docs/decisions.
"""

from __future__ import annotations

from math import exp, lgamma, log

MOST = 100_000
"""No ring is asked to prove itself on more hosts than this."""


def _choose(total: int, some: int) -> float:
    """Logarithm of the number of ways to choose."""
    return lgamma(total + 1) - lgamma(some + 1) - lgamma(total - some + 1)


def as_bad_by_chance(bad: int, hosts: int, bad_before: int, hosts_before: int) -> float:
    """Fisher's exact test, one-sided: how likely `bad` or more of these hosts are bad if they are no worse than the
    hosts before."""
    every, bad_all = hosts + hosts_before, bad + bad_before
    whole = _choose(every, hosts)
    chance = 0.0
    for number in range(bad, min(hosts, bad_all) + 1):
        if hosts - number <= every - bad_all:
            chance += exp(_choose(bad_all, number) + _choose(every - bad_all, hosts - number) - whole)
    return min(1.0, chance)


def _at_most(bad: int, hosts: int, rate: float) -> float:
    """How likely no more than `bad` hosts are bad if each is with this rate."""
    return sum(exp(_choose(hosts, n) + n * log(rate) + (hosts - n) * log(1 - rate)) for n in range(bad + 1))


def highest_rate(bad: int, hosts: int, confidence: float) -> float:
    """The Clopper-Pearson limit, one-sided: with this confidence the true rate is not above it. 1.0 without hosts."""
    if bad >= hosts:
        return 1.0
    low, high = bad / hosts, 1.0
    for _step in range(60):
        middle = (low + high) / 2
        if not 0.0 < middle < 1.0:
            break
        low, high = (middle, high) if _at_most(bad, hosts, middle) > 1 - confidence else (low, middle)
    return high


def hosts_to_prove(bad: int, rate: float, confidence: float) -> int | None:
    """The smallest number of hosts of which `bad` may be bad and that still show a rate of at most `rate`; None where
    it is beyond all reason."""
    low, high = bad, max(1, bad * 2)
    while highest_rate(bad, high, confidence) > rate:
        if high > MOST:
            return None
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if highest_rate(bad, middle, confidence) <= rate else (middle, high)
    return high

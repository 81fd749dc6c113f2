# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Labs of real hosts for the tests of this folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fleet import Fleet, Lab  # noqa: E402

TEST = ("test1",)
PRODUCTION = ("prod1", "prod2")


@pytest.fixture
def make_fleet(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Fleet]]:
    """Boots a hermetic fleet: `make_fleet(test=[…], production=[…], **lab options)`; it is gone after the test."""
    labs: list[Lab] = []

    def make(test: Sequence[str] = TEST, production: Sequence[str] = PRODUCTION, **options: Any) -> Fleet:
        lab = Lab(f"it-{os.getpid()}-{len(labs)}")
        labs.append(lab)
        wishes = {"disk": options.pop("disks", {}), "base": options.pop("bases", {})}
        hosts = {name: {wish: of[name] for wish, of in wishes.items() if name in of} for name in [*test, *production]}
        groups = {"ring_test": list(test), "ring_production": list(production)}
        return Fleet(tmp_path, lab.up(hosts, groups=groups, **options))

    yield make
    for lab in labs:
        lab.down()


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet]) -> Fleet:
    """One test host and two production hosts, with security updates of the lab's packages pending."""
    return make_fleet()

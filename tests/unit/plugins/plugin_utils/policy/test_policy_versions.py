# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One order of versions, checked against what dpkg and rpm say of many pairs."""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import (
    ALPM,
    APK,
    DEB,
    RPM,
    compare,
    order,
    scheme_of,
    valid,
)

FIXTURES = Path(__file__).parents[4] / "fixtures"
PAIRS = Path(os.environ.get("LOCKSTEP_TEST_FEEDS") or "/nonexistent") / "versions"


@pytest.mark.parametrize(("scheme", "least"), [(DEB, 1000), (RPM, 50)])
@pytest.mark.skipif(not PAIRS.is_dir(), reason="no version pairs: LOCKSTEP_TEST_FEEDS names no folder that has them")
def test_every_pair_is_ordered_as_dpkg_and_rpm_order_it(scheme: str, least: int) -> None:
    with (PAIRS / f"{scheme}.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) > least
    wrong = [row for row in rows if compare(row["a"], row["b"], scheme) != int(row["cmp"])]
    assert wrong == []


def test_sorting() -> None:
    versions = ["3.0.20-1~deb12u1", "1:1.0", "3.0.20-1", "3.0.20~rc1-1", "3.0.9-1", "3.0.20-1+deb12u1"]
    expected = ["3.0.9-1", "3.0.20~rc1-1", "3.0.20-1~deb12u1", "3.0.20-1", "3.0.20-1+deb12u1", "1:1.0"]
    assert sorted(versions, key=order) == expected
    assert compare("1.0", "1.0-0") == 0
    assert compare("2", "1") == 1
    assert compare("1~", "1") == -1
    assert compare("1-0~1", "1") == -1  # no revision is revision 0
    assert compare("1", "1" + "0" * 5000) == -1  # longer than int() reads


RPM_ORDER = [
    "1.0~rc1^git1-1.el9",
    "1.0-1.el9",
    "1.0-1.el9_4",
    "1.0-1.el9_10",
    "1.0^20240101-1.el9",
    "1.0.1-1.el9",
    "1.0.1-2.module_el8.4.0+2496+12421f43",
    "1.0.1-2.module_el8.10.0+2496+12421f43",
    "1:0.1-1.el9",
    "2:0.1-1.el9",
]


def test_sorting_of_rpm_versions() -> None:
    shuffled = random.Random(7).sample(RPM_ORDER, len(RPM_ORDER))
    assert sorted(shuffled, key=lambda version: order(version, RPM)) == RPM_ORDER
    assert compare("0:1.0-1", "1.0-1", RPM) == 0


@pytest.mark.parametrize(
    ("version", "deb", "rpm"),
    [
        ("1:2.3-4~deb12u1", True, True),
        ("2.42.10+dfsg-1", True, True),
        ("1.0^git1-1.el9", False, True),
        ("-1", False, False),
        ("", False, False),
        ("1.0-", False, False),
        ("x:1.0", False, False),
        ("1.0 or so", False, False),
        ("<!DOCTYPE html>", False, False),
        ("1.0\n", False, False),
        ("1" * 300, False, False),
    ],
)
def test_what_can_be_a_version(version: str, deb: bool, rpm: bool) -> None:
    assert (valid(version, DEB), valid(version, RPM)) == (deb, rpm)


def test_every_pair_is_ordered_as_vercmp_orders_it() -> None:
    with (FIXTURES / "pacman" / "vercmp.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) > 250
    wrong = [row for row in rows if compare(row["a"], row["b"], ALPM) != int(row["cmp"])]
    assert wrong == []
    assert all(valid(row["a"], ALPM) and valid(row["b"], ALPM) for row in rows)


# oldest first; by the rules of apk-package(5)
APK_ORDER = [
    "0.1.0_alpha_pre2",
    "0.1.0_alpha",
    "0.1.0_alpha2",
    "0.1.3_alpha",
    "0.9.9-r4",
    "1.0_p9-r0",
    "1.0_p10-r0",
    "1.0.0_pre20191002222144-r0",
    "1.0.0_pre20210530193627-r0",
    "1.0.4-r3",
    "1.0.4-r4",
    "1.05-r18",
    "1.05-r19",
    "1.07",
    "1.07-r1",
    "1.07.5",
    "1.1_alpha1",
    "1.1",
    "1.1_git20240101",
    "1.1a",
    "1.3_pre1-r1",
    "1.3-r0",
    "1.3a",
    "1.3.1-r0",
    "2.12r-r4",
    "2.12r-r5",
    "6b-r7",
    "10-r1",
    "013",
    "014-r1",
    "20050405",
]


def test_sorting_of_apk_versions() -> None:
    shuffled = random.Random(5).sample(APK_ORDER, len(APK_ORDER))
    assert sorted(shuffled, key=lambda version: order(version, APK)) == APK_ORDER
    assert all(valid(version, APK) for version in APK_ORDER)
    for text in ("", "1.0-1", "23_foo", "1.0bc", "1.0 ", "v1", "1.0-r", "1" * 300):
        assert not valid(text, APK), text


def test_schemes_of_package_managers() -> None:
    assert [scheme_of(name) for name in ("apt", "dnf", "dnf5", "yum", "zypper", "pacman", "apk", "brew")] == [
        DEB, RPM, RPM, RPM, RPM, ALPM, APK, None,
    ]  # fmt: skip

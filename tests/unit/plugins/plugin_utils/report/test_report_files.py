# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files: what hosts say stays text in HTML and CSV, and files are whole or not there."""

from __future__ import annotations

import csv
import html.parser
import os
import re
import resource
from pathlib import Path

import pytest
import report_samples as samples

from ansible_collections.lockstep.patching.plugins.plugin_utils.report import view as report
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.tables import cell

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</template><img src=x onerror=alert(1)>",
    "{{ 7*7 }}{% for x in y %}",
    "\"' onmouseover=alert(1) x='",
    "\u202egnp.exe\u2066\u200b",
    "\x1b[31mred\x1b[0m\x07\x00",
    "\ud800 half",
]


def hostile_state(text):
    made = samples.state(f"h{text}", [text], outdated=[{"unit": text, "process": text, "files": [text]}])
    made["error"] = made["platform"] = text
    made["answer"] = {"pending": 1, "security": 1, "unknown": [{"what": text, "why": text, "next": text}]}
    parts = made["sections"]
    parts["os"]["name"] = text
    parts["candidates"] = [
        samples.candidate(
            text, text, text, text, True, kept_back=text, phased=text, origins=[{"label": text, "codename": text}]
        )
    ]
    parts["holds"] = [{"name": text, "kind": text, "reason": text, "where": text}]
    parts["indexes"] = [{"codename": text, "state": "stale", "problem": text}]
    parts["reboot"] = {"needed": "yes", "reasons": [{"signal": text, "text": text}], "unknown": [text]}
    parts["history"]["missing"] = text
    parts["boot"].update(kernel_running=text, kernel_newest=text, kernel_reason=text)
    return made


def hostile_rollout(text):
    arguments = samples.rollout_arguments()
    for name in ("left_out", "host_statuses", "rings", "transactions", "runs"):
        for item in arguments[name]:
            for key, value in item.items():
                if isinstance(value, str) and key not in ("host", "name", "status", "verdict"):
                    item[key] = text
    arguments["host_statuses"][0]["findings"] = [text, {"check": text, "ok": False, "detail": text}]
    arguments["closing"] = text
    return report.rollout_view(**arguments)


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.handlers, self.links = {}, [], []

    def handle_starttag(self, tag, attrs):
        self.found[tag] = self.found.get(tag, 0) + 1
        self.handlers += [name for name, _value in attrs if name.startswith("on") or name == "style"]
        self.links += [value for name, value in attrs if name in ("src", "href")]


def tags(view, folder):
    parser = Tags()
    text = Path(report.write(view, str(folder))["html"]).read_text(encoding="utf-8")
    parser.feed(text)
    return parser, text


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", ["detect", "rollout"])
def test_hostile_text_stays_text(kind, text, tmp_path):
    harmless = {
        "detect": lambda text: report.fleet_view([hostile_state(text)], None, samples.NOW, text),
        "rollout": hostile_rollout,
    }[kind]
    parser, page = tags(harmless(text), tmp_path / "hostile")
    same, _page = tags(harmless("plain"), tmp_path / "plain")
    assert parser.found == same.found  # not one element more than a harmless text makes
    assert parser.handlers == []
    assert not re.search("[\x00-\x08\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", page)
    if "{{" in text:
        assert "{{ 7*7 }}" in page


@pytest.mark.parametrize("kind", ["detect", "rollout"])
def test_the_page_asks_nobody_for_anything(kind, tmp_path):
    view = (
        report.fleet_view(samples.fleet(), None, samples.NOW, "default")
        if kind == "detect"
        else report.rollout_view(**samples.rollout_arguments())
    )
    parser, page = tags(view, tmp_path)
    assert "default-src &#39;none&#39;" in page
    assert "unsafe-inline" not in page
    files = set(os.listdir(tmp_path))
    assert {link for link in parser.links if not link.startswith("#")} == {
        name for name in files if not name.endswith(".html")
    }
    assert parser.found["script"] == 1 and parser.found["style"] == 1


def test_unknown_is_said_and_0_is_not_shown_for_it(tmp_path):
    page = Path(
        report.write(report.fleet_view([samples.gone("a")], None, samples.NOW, "default"), str(tmp_path))["html"]
    ).read_text()
    tile = re.search(r"<h3>Security updates</h3>\s*(<p.*?</p>)", page, re.DOTALL)
    assert tile and 'class="big unk">unknown' in tile[1]
    assert 'class="big ok"' not in page


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("  @SUM(A1)", "'  @SUM(A1)"),
        ("-2", "'-2"),
        ("+1", "'+1"),
        ("2.36-9+deb12u10", "2.36-9+deb12u10"),
        (None, "unknown"),
        (0, "0"),
        (-2, "-2"),
        (True, "yes"),
        (["=a", "b"], "'=a; b"),
    ],
)
def test_csv_cells(value, written):
    assert cell(value) == written


def test_csv_tells_none_from_unknown(tmp_path):
    paths = report.write(
        report.fleet_view([samples.state("fine", candidates=()), samples.gone("off")], None, samples.NOW, "default"),
        str(tmp_path),
    )
    with open(paths["hosts_csv"], encoding="utf-8", newline="") as handle:
        rows = {item["host"]: item for item in csv.DictReader(handle)}
    assert (rows["fine"]["security_pending"], rows["off"]["security_pending"]) == ("0", "unknown")
    assert rows["off"]["unknown"].startswith("unreachable: ssh")


def test_csv_has_a_line_for_every_host_and_package(tmp_path):
    paths = report.write(report.rollout_view(**samples.rollout_arguments()), str(tmp_path), ["csv"])
    assert {key: os.path.basename(path) for key, path in paths.items()} == {
        "hosts_csv": "report-hosts.csv",
        "packages_csv": "report-packages.csv",
        "left_csv": "report-left.csv",
    }
    with open(paths["packages_csv"], encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 5 * 6
    libc = next(item for item in rows if (item["host"], item["package"]) == ("web1", "libc6"))
    assert (libc["before"], libc["after"], libc["result"]) == ("2.36-9+deb12u8", "2.36-9+deb12u10", "done")


def test_files_are_readable_and_replaced_in_one_step(tmp_path):
    view, folder = (
        report.fleet_view(samples.fleet(), None, samples.NOW, "default", samples.drift()),
        tmp_path / "new" / "folder",
    )
    mask = os.umask(0o077)
    try:
        paths = report.write(view, str(folder))
    finally:
        os.umask(mask)
    assert {oct(os.stat(path).st_mode & 0o777) for path in paths.values()} == {"0o644"}
    assert oct(folder.stat().st_mode & 0o777) == "0o755"
    with open(paths["html"], encoding="utf-8") as reader:
        before = reader.read()
        report.write(report.fleet_view([], None, samples.NOW, "default"), str(folder))
        reader.seek(0)
        assert reader.read() == before  # who has it open still reads the whole old one
    assert sorted(os.listdir(folder)) == sorted(os.path.basename(path) for path in paths.values())


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        report.ReportError,
        match=r"/file/below: the report folder could not be written: Not a directory; .*report_dir",
    ):
        report.write(report.fleet_view([], None, samples.NOW, "default"), str(tmp_path / "file" / "below"))


def test_a_file_that_cannot_be_written_in_full_is_named_and_leaves_nothing(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))  # the kernel refuses more, as a full disk does
    try:
        with pytest.raises(
            report.ReportError, match=r"/detect\.json: the report could not be written: File too large; free space"
        ):
            report.write(report.fleet_view([], None, samples.NOW, "default"), str(tmp_path), ["json"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == []


def test_a_kind_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no kind pdf"):
        report.write(report.fleet_view([], None, samples.NOW, "default"), str(tmp_path), ["pdf"])

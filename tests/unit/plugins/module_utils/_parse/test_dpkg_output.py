# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Output recorded from apt-get 2.6.1 and dpkg 1.21.22 on Debian 12 lab hosts."""

from __future__ import annotations

from ansible_collections.lockstep.patching.plugins.module_utils._parse.dpkg_output import (
    out_of_space,
    parse_conffiles,
    parse_failures,
)

FAILED = """\
Setting up lab-app (1.1) ...
Setting up lab-broken (2.0) ...
the reason is here
dpkg: error processing package lab-broken (--configure):
 installed lab-broken package post-installation script subprocess returned error exit status 7
Setting up lab-web (1.1) ...
Errors were encountered while processing:
 lab-broken
E: Sub-process /usr/bin/dpkg returned an error code (1)
"""
CONFFILE = """\
Setting up lab-conf (1.1) ...

Configuration file '/etc/lab-conf.conf'
 ==> Modified (by you or by a script) since installation.
 ==> Package distributor has shipped an updated version.
 ==> Keeping old config file as default.
Setting up lab-broken (1.1) ...
"""
FULL = """\
Unpacking lab-conf (4.0) over (1.1) ...
dpkg: error processing archive /tmp/apt-dpkg-install-aoIlTM/4-lab-conf_4.0_all.deb (--unpack):
 cannot copy extracted data for './usr/share/lab-conf/ballast' to '/usr/share/lab-conf/ballast.dpkg-new': \
failed to write (No space left on device)
dpkg-deb: error: paste subprocess was killed by signal (Broken pipe)
"""


def test_failed_script_is_named_with_what_it_said() -> None:
    (found,) = parse_failures(FAILED)
    assert (found.package, found.script, found.status) == ("lab-broken", "post-installation", "7")
    assert found.lines[:2] == ["Setting up lab-broken (2.0) ...", "the reason is here"]


def test_hostile_lines_are_cut() -> None:
    (found,) = parse_failures(FAILED.replace("the reason is here", "x" * 100_000))
    assert max(len(line) for line in found.lines) == 300


def test_failed_archive_has_no_script() -> None:
    (found,) = parse_failures(FULL)
    assert found.script is None and "No space left" in found.lines[-1]
    assert out_of_space(FULL) and not out_of_space(FAILED)


def test_kept_configuration_files() -> None:
    assert parse_conffiles(CONFFILE) == ["/etc/lab-conf.conf"]
    assert parse_conffiles(CONFFILE.replace("Keeping old", "Installing new")) == []

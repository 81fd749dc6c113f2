# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Code for hosts runs under Python 3.6, where there is one (PYTHON36 names it, or python3.6 is on the path)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = next(folder for folder in Path(__file__).resolve().parents if (folder / "galaxy.yml").exists())
INSTALLED = [str(path) for path in Path.home().glob(".pyenv/versions/3.6*/bin/python3.6")]
CHOICES = [os.environ.get("PYTHON36"), *INSTALLED, shutil.which("python3.6")]
PYTHON = next(
    (
        path
        for path in CHOICES
        if path and not subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode
    ),
    None,
)
SCRIPT = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
base = "ansible_collections.lockstep.patching.plugins.module_utils"
fixtures = sys.argv[2]
for part in ("_model", "_parse", "_provider", "_look"):
    package = importlib.import_module(base + "." + part)
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
def text(name):
    with open(fixtures + "/" + name) as stream:
        return stream.read()
at = lambda name: importlib.import_module(base + "." + name)
assert len(at("_parse.apt_output").parse_simulation(text("apt/simulate-trixie.txt")).actions) == 8
packages, held = at("_parse.dpkg_status").parse_status(text("apt/status.txt"), set())
assert len(packages) == 4
canonical = at("_model.canonical")
value = at("_model.state").plain(packages)
assert canonical.unpack(canonical.pack(value)) == value
assert len(at("_parse.package_logs").parse_dpkg(text("apt/dpkg.log"), lambda stamp: 0, {})) == 2
assert at("_parse.release").parse_release(text("apt/InRelease-security.txt"))["Origin"] == "Debian"
assert len(at("_parse.proc").deleted_files(text("proc/maps-pid1-after-upgrade.txt"))) == 3
print("works on", sys.version_info[:2])
"""


@pytest.mark.skipif(PYTHON is None, reason="no Python 3.6 on this machine: name one in PYTHON36")
def test_host_code_runs_under_python_3_6(tmp_path: Path) -> None:
    collections = tmp_path / "ansible_collections" / "lockstep"
    collections.mkdir(parents=True)
    (collections / "patching").symlink_to(CHECKOUT)
    done = subprocess.run(
        [str(PYTHON), "-B", "-c", SCRIPT, str(tmp_path), str(CHECKOUT / "tests" / "fixtures")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "(3, 6)" in done.stdout

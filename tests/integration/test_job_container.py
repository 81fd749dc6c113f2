# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A controller in a container whose disk goes with it, started by podman: what would be lost is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fleet import BIN, CHECKOUT, Fleet, Result
from lab import bases

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

pytestmark = pytest.mark.lab

# without CAP_SYS_RESOURCE (this test in a container or a small machine) the limits that podman asks for cannot be set
RUNTIME = """\
#!/usr/bin/python3
import json, os, sys
if "create" in sys.argv:
    path = os.path.join(sys.argv[sys.argv.index("--bundle") + 1], "config.json")
    with open(path) as file:
        config = json.load(file)
    config["process"].pop("rlimits", None)
    with open(path, "w") as file:
        json.dump(config, file)
os.execv("{runc}", ["runc", *sys.argv[1:]])
"""


class Container:
    """Runs playbooks against a fleet, each in a new container over the lab's Debian root."""

    def __init__(self, fleet: Fleet, runtime: Path) -> None:
        self.fleet = fleet
        root = bases.ensure_base(bases.recipe_for("bookworm"), print).root
        lab = fleet.lab.names
        # the checkout with its .venv, the Python under that, and what reaches the lab's hosts
        seen = [CHECKOUT, Path(sys.base_prefix), lab.state]
        self.podman = ["podman", f"--runtime={runtime}", "run", "--rm", "--network=host"]
        self.podman += [f"--volume={path}:{path}:ro" for path in seen] + [f"--volume={lab.run}:{lab.run}"]
        self.root = f"{root}:O"

    def play(self, *arguments: str, **volumes: Path) -> Result:
        """arguments of ansible-playbook; volumes: what is mounted as /NAME."""
        mounts = [f"--volume={path}:/{name}" for name, path in volumes.items()]
        inside = ["env", "LC_ALL=C.UTF-8", str(BIN / "ansible-playbook"), "-i", self.fleet.inventory, *arguments]
        done = subprocess.run(
            [*self.podman, *mounts, "--rootfs", self.root, *inside],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        return Result(done.returncode, done.stdout)


@pytest.fixture
def container(make_fleet: Callable[..., Fleet], tmp_path: Path) -> Container:
    runc = shutil.which("runc", path="/usr/sbin:/usr/bin")
    if not shutil.which("podman") or not runc:
        pytest.skip("podman and runc are not installed (Debian: apt-get install podman runc)")
    (tmp_path / "runc").write_text(RUNTIME.format(runc=runc))
    (tmp_path / "runc").chmod(0o755)
    return Container(make_fleet(test=["test1"], production=[]), tmp_path / "runc")


DETECT = "lockstep.patching.detect"


def test_what_would_vanish_with_the_container_is_refused_and_a_volume_keeps_it(
    container: Container, tmp_path: Path
) -> None:
    for given, what, way in [
        ((), "ledger", "lockstep_ledger=postgresql://"),
        (("-e", "lockstep_ledger=sqlite:////kept/ledger.db"), "content store", "lockstep_store=/mounted/path/store"),
    ]:
        kept = tmp_path / what.replace(" ", "-")
        kept.mkdir()
        refused = container.play(DETECT, *given, kept=kept)
        assert refused.status != 0, refused.output
        assert refused.closing.startswith("stopped: "), refused.output
        assert f"the default {what} would vanish with this job's container: / is overlay" in refused.closing
        assert way in refused.closing
        assert not list(kept.iterdir()), "nothing was begun"

    kept = tmp_path / "kept"
    kept.mkdir()
    places = ("-e", "lockstep_ledger=sqlite:////kept/ledger.db", "-e", "lockstep_store=/kept/store")
    looked = container.play(DETECT, *places, "-e", "lockstep_report_dir=/kept/report", kept=kept)
    assert looked.status == 0, looked.output
    assert looked.closing == "done: 1 host answered", looked.output
    # the container is gone; what it found is there, and the next one goes on from it
    with Ledger.open(f"sqlite:///{kept}/ledger.db", create=False) as ledger:
        assert ledger.state("default", "test1")["sections"]["os"]["id"] == "debian"
    assert (kept / "report/detect.json").exists()
    assert container.play("lockstep.patching.report", *places, kept=kept).status == 0


def test_a_home_on_a_volume_makes_the_defaults_lasting(container: Container, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    looked = container.play(DETECT, root=home)
    assert looked.closing == "done: 1 host answered", looked.output
    assert (home / ".local/share/lockstep/ledger.db").exists()

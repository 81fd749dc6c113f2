# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start the runner so that it outlives the connection, from a copy of the code that it needs.

The module's own payload is gone when the module ends, and the runner may go on for longer.
"""

import os
import subprocess
import sys
import zipfile
from typing import Any, List

from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.restart import systemd

PREFIX = "ansible_collections.lockstep.patching.plugins.module_utils."
# KillMode=process: when the runner dies, the package manager goes on to a clean end, as in apt-daily-upgrade.service;
# a shutdown waits for it
PROPERTIES = (
    "KillMode=process",
    "TimeoutStopSec=900",
    "OOMScoreAdjust=-500",
    "StandardInput=null",
    "StandardOutput=null",
    "StandardError=journal",
    "UMask=0022",
    "Description=Lockstep transaction",
)


def bundle(path: str, entry: str) -> None:
    """Write the sources of this collection's imported host code into a zip that runs main() of the module entry."""
    sources = {"__main__.py": "import sys\nfrom {0} import main\nsys.exit(main(sys.argv[1]))\n".format(entry)}
    for name, module in sorted(sys.modules.items()):
        spec: Any = getattr(module, "__spec__", None)
        if name.startswith(PREFIX) and spec is not None:
            parts = name.split(".")
            for depth in range(1, len(parts)):
                sources.setdefault("/".join(parts[:depth]) + "/__init__.py", "")
            inner = spec.submodule_search_locations is not None
            text = "" if inner else spec.loader.get_source(name)
            sources["/".join(parts) + ("/__init__.py" if inner else ".py")] = text
    with zipfile.ZipFile(path + ".new", "w") as target:
        for name in sorted(sources):
            target.writestr(name, sources[name])
    os.rename(path + ".new", path)


def start(host: Host, unit: str, bundle_path: str, request_path: str) -> None:
    """Start the runner detached; raise OSError with why when that is not possible."""
    command = [sys.executable, "-B", bundle_path, request_path]
    if systemd():
        _start_unit(host, unit, command)
    else:
        _start_session(command, os.path.join(os.path.dirname(bundle_path), "runner.err"))


def _start_unit(host: Host, unit: str, command: List[str]) -> None:
    # no --collect: a failed unit stays to be looked at; its name is never used again, so it blocks nothing
    properties = ["--property=" + each for each in PROPERTIES]
    run = host.run(
        ["systemd-run", "--quiet", "--no-ask-password", "--unit=" + unit] + properties + ["--"] + command, 60
    )
    if run.rc != 0:
        raise OSError("systemd-run: " + (run.err or run.out).strip()[-300:])


def _start_session(command: List[str], errors: str) -> None:
    """A new session, and a parent that is gone: what nohup and setsid would do."""
    with open(errors, "ab") as log:
        child = os.fork()
        if child == 0:
            try:
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
                )
            finally:
                os._exit(0)
        os.waitpid(child, 0)

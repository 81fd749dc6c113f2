# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way to dnf's Python bindings: a script of ours, run by the interpreter that dnf itself runs with."""

import json
import re
import sys
from typing import Any, Dict, List, Optional

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host, Run

# no colours, no guessing of another language in messages that are read
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore", "LC_ALL": "C.UTF-8"}
_SHEBANG = re.compile(r"^#!\s*(\S*python\S*)")


def interpreter(host: Host) -> Optional[str]:
    """The interpreter of the host's dnf 4, or None where there is none (dnf 5 is no script)."""
    path = host.which("dnf-3") or host.which("dnf")
    found = _SHEBANG.match(host.read_or(path, "")[:200]) if path else None
    return found.group(1) if found else None


def command(python: str, script: Any, question: Dict[str, Any]) -> List[str]:
    """Argument list that runs a script (a module of this folder) with a question."""
    loader: Any = sys.modules[script.__name__].__spec__.loader  # type: ignore[union-attr]
    source = loader.get_source(script.__name__)
    return [python, "-s", "-c", source, json.dumps(question)]


def answer(run: Run, what: str) -> Dict[str, Any]:
    """The answer of a script that has ended; Unknown when it has none."""
    lines = [line for line in run.out.splitlines() if line.startswith("{")]
    try:
        found: Dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        said = bounded(" ".join((run.err or run.out).split())[-300:], 300)
        raise Unknown(what, "dnf's bindings gave no answer: {0}".format(said or run.rc), "run dnf check on the host")
    if "error" in found:
        raise Unknown(what, "dnf: {0}".format(bounded(found["error"], 400)), "run dnf check on the host")
    return found

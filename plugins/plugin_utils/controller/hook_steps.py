# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carry out one step of a hook: a command, a request or a role. The answer is what went wrong, or an empty text."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import LockstepAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.hooks import Step, filled
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import one_line, plain

TIMED_OUT = 124
"""The exit status of timeout(1) for a command that it has ended."""
TAIL = 300


def carry_out(action: LockstepAction, step: Step, places: Mapping[str, str], hosts: Sequence[str]) -> str:
    """Do it, within its time. `places`: what stands for each place; `hosts`: those that a role runs on."""
    if step.kind == "http":
        return _request(step, places, action.variable("lockstep_hook_headers"))
    if step.kind == "role":
        return _role(
            step, places, hosts, os.path.dirname(os.path.abspath(str(action.variable("lockstep_policy") or "x")))
        )
    words = [str(word) for word in filled(step.what, places)]
    return _on_host(action, words, step) if step.on == "host" else _run(words, step)


def _run(words: Sequence[str], step: Step, environment: Mapping[str, str] | None = None) -> str:
    """A command on the controller, without a shell. It and what it has started are ended when its time is over."""
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env=environment,
        )
    except OSError as error:
        return f"{words[0]} cannot be started: {error.strerror}"
    try:
        said, _nothing = process.communicate(timeout=step.timeout_ms / 1000)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"{words[0]} was ended after {duration_text(step.timeout_ms)}"
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return _judged(words[0], process.returncode, said)


def _on_host(action: LockstepAction, words: Sequence[str], step: Step) -> str:
    line = shlex.join(["timeout", "-k", "5", str(max(1, step.timeout_ms // 1000)), *words])
    try:
        done = action._low_level_execute_command(line)
    except AnsibleConnectionFailure as error:
        return f"the host did not answer: {plain(one_line(error.message), TAIL)}"
    except AnsibleError as error:
        return plain(one_line(error.message), TAIL)
    if done["rc"] == TIMED_OUT:
        return f"{words[0]} was ended after {duration_text(step.timeout_ms)}"
    return _judged(words[0], done["rc"], str(done.get("stdout", "")) + str(done.get("stderr", "")))


def _judged(name: str, status: int, said: str) -> str:
    if status == 0:
        return ""
    wrong = [
        line for line in said.splitlines() if line.startswith(("fatal:", "ERROR", "[ERROR]"))
    ]  # Ansible's own words
    said = wrong[0][:TAIL] if wrong else said
    text = plain(one_line(said.strip()[-TAIL:]), TAIL)
    how = f"ended with {status}" if status > 0 else f"was ended by signal {-status}"
    return f"{name} {how}" + (f": {text}" if text else "")


def _request(step: Step, places: Mapping[str, str], headers: Any) -> str:
    url = filled(step.what, places, url=True)
    shown = url.partition("?")[0]
    body = filled(step.body, places)
    given = {str(key): str(value) for key, value in (headers or {}).items()}
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
        given = {"Content-Type": "application/json", **given}
    from ansible.module_utils.urls import open_url  # slow to import, and few hooks need it

    try:
        answer = open_url(
            url,
            data=None if body is None else body.encode("utf-8"),
            headers={"User-Agent": "lockstep", **given},
            method=step.method,
            timeout=max(1, step.timeout_ms // 1000),
            follow_redirects="safe",
        )
        status = answer.getcode()
        answer.read(1000)
    except Exception as error:  # whatever the network or the server does is why the hook failed
        status = getattr(error, "code", None)
        if status is None or status != step.expect:
            return f"{step.method} {shown}: {plain(one_line(str(error)), TAIL)}"
    if step.expect is not None and status != step.expect:
        return f"{step.method} {shown} answered {status}, not {step.expect}"
    return ""


def _role(step: Step, places: Mapping[str, str], hosts: Sequence[str], beside: str) -> str:
    """A role, in an ansible-playbook of its own with the inventory, variables and connection of this one.

    It is sought where Ansible seeks roles, and in `roles` of the working folder and of the policy's (`beside`).
    """
    play = {
        "name": f"Hook role {step.what}",
        "hosts": list(hosts),
        "gather_facts": False,
        "tasks": [{"ansible.builtin.import_role": {"name": step.what}}],
    }
    variables = {f"lockstep_hook_{name}": value for name, value in places.items()}
    with tempfile.TemporaryDirectory(prefix="lockstep-hook-") as folder:
        Path(folder, "hook.yml").write_text(json.dumps([play]), encoding="utf-8")
        given = json.dumps({**variables, **filled(step.vars or {}, places)})
        Path(folder, "vars.json").write_text(given, encoding="utf-8")
        words = [
            sys.executable,
            "-m",
            "ansible",
            "playbook",
            *_options(),
            "-e",
            f"@{folder}/vars.json",
            f"{folder}/hook.yml",
        ]
        paths = [*C.DEFAULT_ROLES_PATH, os.path.abspath("roles"), os.path.join(beside, "roles")]
        settings = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_STDOUT_CALLBACK": "default", "ANSIBLE_ROLES_PATH": ":".join(paths)}
        problem = _run(words, step, {**os.environ, **settings})
    return problem.replace(words[0], f"role {step.what}", 1)


def _options() -> list[str]:
    """The options of this ansible-playbook that say what hosts there are and how they are reached."""
    given = context.CLIARGS
    found: list[str] = []
    for option, name in (
        ("-i", "inventory"),
        ("--vault-id", "vault_ids"),
        ("--vault-password-file", "vault_password_files"),
    ):
        found += [word for value in given.get(name) or () for word in (option, str(value))]
    found += [word for value in given.get("extra_vars") or () for word in ("-e", str(value))]
    for option, name in (
        ("--private-key", "private_key_file"),
        ("-u", "remote_user"),
        ("-c", "connection"),
        ("--ssh-common-args", "ssh_common_args"),
        ("--ssh-extra-args", "ssh_extra_args"),
        ("--become-user", "become_user"),
        ("--become-method", "become_method"),
        ("--become-password-file", "become_password_file"),
        ("--connection-password-file", "connection_password_file"),
    ):
        if given.get(name):
            found.append(f"{option}={given[name]}" if option.startswith("--") else option)
            found += [] if option.startswith("--") else [str(given[name])]
    return found + (["--become"] if given.get("become") else [])

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policy's health checks, run on the host."""

import shlex
import socket
import threading
import urllib.error
import urllib.request
from typing import Any, Dict, List

from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded

TIMEOUT = 10  # seconds
KINDS = ("unit", "http", "tcp", "command")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        return None  # the status that was asked about is this URL's own


def problem_of(check):
    """Return what is wrong with the form of a check, or None."""
    kinds = [kind for kind in KINDS if check.get(kind) is not None]
    extra = sorted(set(check) - set(KINDS) - {"expect", "timeout", "for"})
    if len(kinds) != 1:
        return "a check has exactly one of {0}: {1!r}".format(", ".join(KINDS), check)
    if extra:
        return "a check has no key {0}: {1!r}".format(", ".join(extra), check)
    try:
        if int(check.get("timeout", TIMEOUT)) < 1 or int(check.get("expect", 200)) < 1:
            return "timeout and expect are positive numbers: {0!r}".format(check)
        if kinds[0] == "tcp":
            port(check["tcp"])
        if kinds[0] == "command" and not command(check["command"])[0].startswith("/"):
            return "a command is an absolute path: {0!r}".format(check)
    except (ValueError, TypeError, IndexError):
        return "a value of this check cannot be read: {0!r}".format(check)
    return None


def port(value):
    """Return (host, port) of ``5432`` or ``HOST:5432``; raise ValueError."""
    name, _colon, number = str(value).rpartition(":")
    if not 0 < int(number) < 65536:
        raise ValueError(number)
    return name.strip("[]") or "localhost", int(number)


def command(value):
    """Return the argument list of a command, given as a list or as words. No shell reads it."""
    return [str(word) for word in value] if isinstance(value, list) else shlex.split(str(value))


def run_all(host, checks):
    """Run the checks side by side; return [{check, ok, detail}] in their order."""
    results: List[Dict[str, Any]] = [{} for _check in checks]

    def work(number):
        ok, detail = _run(host, checks[number])
        results[number] = {"check": _named(checks[number]), "ok": ok, "detail": bounded(detail, 300)}

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(checks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _named(check):
    kind = next(kind for kind in KINDS if check.get(kind) is not None)
    value = check[kind]
    return bounded("{0}: {1}".format(kind, " ".join(value) if isinstance(value, list) else value), 200)


def _run(host, check):
    timeout = int(check.get("timeout", TIMEOUT))
    try:
        if check.get("unit") is not None:
            run = host.run(["systemctl", "is-active", "--", str(check["unit"])], timeout=timeout)
            return run.rc == 0, run.out.strip() or run.err.strip()
        if check.get("tcp") is not None:
            socket.create_connection(port(check["tcp"]), timeout=timeout).close()
            return True, "it accepts connections"
        if check.get("command") is not None:
            run = host.run(command(check["command"]), timeout=timeout)
            said = (run.out + run.err).strip()
            return run.rc == 0, "exit status {0}{1}".format(run.rc, ": " + said[-200:] if said else "")
        return _http(str(check["http"]), int(check.get("expect", 200)), timeout)
    except (OSError, ValueError) as error:
        return False, "{0}: {1}".format(type(error).__name__, error)


def _http(url, expect, timeout):
    if not url.startswith(("http://", "https://")):
        return False, "only http and https are asked"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        status = opener.open(url, timeout=timeout).getcode()
    except urllib.error.HTTPError as error:
        status = error.code
    return status == expect, "status {0}, {1} expected".format(status, expect)

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Locks, and the highest run token that the host has seen of each ledger.

A controller that was replaced may live on for a while; its token is lower than the new one's, and a lower token
starts nothing.
"""

import contextlib
import errno
import fcntl
import json
import os
import time

from ansible_collections.lockstep.patching.plugins.module_utils._transaction.journal import sync_folder
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.places import make_folder


class Busy(Exception):
    """Another process held the lock until the time was over."""


class Superseded(Exception):
    """A newer run has taken over; `highest` is its token."""

    def __init__(self, token, highest):
        super().__init__("a newer run (token %d) has taken over; this one has token %d" % (highest, token))
        self.highest = highest


@contextlib.contextmanager
def locked(path, timeout=0.0, clock=time.monotonic, sleep=time.sleep):
    """Hold path with flock; Busy after timeout seconds. The lock ends with the process, however that ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = clock() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                if clock() >= end:
                    raise Busy("%s is held by another process" % path)
                sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def read_tokens(path):
    """File -> {ledger id: highest token}. ValueError when the file is damaged: unknown is not 0."""
    try:
        with open(path, "rb") as handle:
            content = handle.read()
    except FileNotFoundError:
        return {}
    try:
        tokens = json.loads(content.decode("utf-8"))
        if isinstance(tokens, dict) and all(isinstance(each, int) for each in tokens.values()):
            return tokens
    except ValueError:
        pass
    raise ValueError("%s is damaged, so the newest run is not known: look at it, then remove it" % path)


def accept(path, ledger_id, token):
    """Remember the token when it is the highest of its ledger; Superseded when a higher one was seen."""
    make_folder(os.path.dirname(path), 0o700)
    with locked(path + ".lock", timeout=30):
        tokens = read_tokens(path)
        highest = tokens.get(ledger_id, -1)
        if token < highest:
            raise Superseded(token, highest)
        if token > highest:
            _write(path, dict(tokens, **{ledger_id: token}))


def check(path, ledger_id, token):
    """As accept, but writes nothing (check mode)."""
    highest = read_tokens(path).get(ledger_id, -1)
    if token < highest:
        raise Superseded(token, highest)


def _write(path, tokens):
    draft = path + ".new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, json.dumps(tokens, sort_keys=True).encode("utf-8"))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(draft, path)
    sync_folder(os.path.dirname(path))

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a host keeps its own records and the staged package files."""

import os
import re
from typing import NamedTuple

SAFE_ID = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
SHA256 = re.compile(r"\A[0-9a-f]{64}\Z")


class Places(NamedTuple):
    """Paths below the two roots; tests give other roots, hosts never do."""

    state: str = "/var/lib/lockstep"
    cache: str = "/var/cache/lockstep"

    @property
    def lock(self):
        """Held with flock while anything on the host changes."""
        return os.path.join(self.state, "lock")

    @property
    def token(self):
        """Highest run token seen, by ledger id (JSON)."""
        return os.path.join(self.state, "token")

    @property
    def journals(self):
        return os.path.join(self.state, "journal")

    @property
    def files(self):
        return os.path.join(self.cache, "files")

    @property
    def control(self):
        """Control stanzas of staged files by SHA-256: read once when staging, not in the window."""
        return os.path.join(self.cache, "control")

    def journal(self, transaction):
        return os.path.join(self.journals, safe_id(transaction))

    def work(self, transaction):
        return os.path.join(self.state, "work", safe_id(transaction))

    def file(self, sha256):
        return os.path.join(self.files, safe_sha256(sha256))

    def make(self):
        """Create the state folders (0700); the cache holds only public package files (0755)."""
        for path, mode in ((self.state, 0o700), (self.journals, 0o700), (os.path.join(self.state, "work"), 0o700)):
            make_folder(path, mode)

    def make_cache(self):
        for path in (self.cache, self.files, self.control):
            make_folder(path, 0o755)


def make_folder(path, mode):
    os.makedirs(path, exist_ok=True)
    if os.stat(path).st_mode & 0o777 != mode:
        os.chmod(path, mode)


def safe_id(text):
    """The id, when it can be a file and a unit name; ValueError else."""
    if not SAFE_ID.match(text) or ".." in text:
        raise ValueError("%r is no transaction id: letters, digits, dot, dash and underscore, at most 100" % text)
    return text


def safe_sha256(text):
    if not SHA256.match(text or ""):
        raise ValueError("%r is no SHA-256 (64 lower-case hexadecimal digits)" % text)
    return text

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host as providers see it: its files below a root, and its commands without a shell."""

import os
import subprocess
from typing import Dict, List, NamedTuple, Optional

OUTPUT_LIMIT = 32 * 1024 * 1024  # characters kept of a command's output


class Run(NamedTuple):
    """How a command ended. rc is 127 when there is no such command and 124 when it was stopped after its time."""

    rc: int
    out: str
    err: str


class Started(object):
    """A command under way; result() waits for it. It is killed with its children when its time is over."""

    def __init__(self, argv: List[str], env: Dict[str, str], timeout: float, root: str) -> None:
        self._timeout = timeout
        self._failed: Optional[Run] = None
        self.argv = argv
        prefix = [] if root == "/" else ["chroot", root]
        try:
            self._process = subprocess.Popen(
                prefix + argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=env,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            self._failed = Run(127, "", "{0}: {1}".format(argv[0], error.strerror))

    def result(self, at_most: Optional[float] = None) -> Run:
        """Wait for the end and return it. at_most: seconds, where less is left than the command's own time."""
        if self._failed is None:
            if at_most is not None:
                self._timeout = min(self._timeout, at_most)
            try:
                out, err = self._process.communicate(timeout=self._timeout)
            except subprocess.TimeoutExpired:
                try:
                    os.killpg(self._process.pid, 9)
                except OSError:
                    pass
                self._process.communicate()
                self._failed = Run(124, "", "{0} did not end within {1:.3g} s".format(self.argv[0], self._timeout))
            else:
                self._failed = Run(self._process.returncode, _text(out), _text(err))
        return self._failed


class Host(object):
    """Access to one host. root: ``/``, or a folder with an image whose commands then run by chroot (tests)."""

    def __init__(self, root: str = "/") -> None:
        self.root = root
        self.is_root = os.geteuid() == 0

    def path(self, path: str) -> str:
        """Return the real path of an absolute path of the host."""
        return path if self.root == "/" else self.root.rstrip("/") + path

    def read(self, path: str, limit: int = OUTPUT_LIMIT) -> str:
        """Return the text of a file, at most limit bytes of it; raise OSError."""
        with open(self.path(path), "rb") as stream:
            return _text(stream.read(limit))

    def read_or(self, path: str, default: str = "") -> str:
        """Return the text of a file, or default when it cannot be read."""
        try:
            return self.read(path)
        except OSError:
            return default

    def which(self, name: str) -> Optional[str]:
        """Return the host's path of a command, or None."""
        for folder in ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"):
            if os.access(self.path(folder + "/" + name), os.X_OK):
                return folder + "/" + name
        return None

    def start(self, argv: List[str], timeout: float = 300.0, env: Optional[Dict[str, str]] = None) -> Started:
        """Start a command (argument list, C locale, no input, own session) and return at once."""
        full = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "LANGUAGE": "C",
            "HOME": "/root",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        for name in ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy"):
            if name in os.environ:
                full[name] = os.environ[name]
        full.update(env or {})
        return Started(argv, full, timeout, self.root)

    def run(self, argv: List[str], timeout: float = 300.0, env: Optional[Dict[str, str]] = None) -> Run:
        """Run a command to its end."""
        return self.start(argv, timeout, env).result()


def _text(data: bytes) -> str:
    return data[:OUTPUT_LIMIT].decode("utf-8", "replace")

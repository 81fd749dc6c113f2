# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands that run side by side while the rest is read, and share one time."""

import time


class Commands(object):
    """Starts what is installed; result() waits until the common time is over."""

    def __init__(self, host, budget):
        """budget: seconds from now that all of them have together."""
        self._host = host
        self._deadline = time.monotonic() + budget
        self._budget = budget
        self._started = {}

    def start(self, commands):
        """commands: {name: argument list}; those whose program is not on the host are left out."""
        for name, argv in commands.items():
            if self._host.which(argv[0]):
                self._started[name] = self._host.start(argv, timeout=self._budget)

    def has(self, name):
        """Say whether the command is on the host."""
        return name in self._started

    def result(self, name):
        """Return how a command ended, or None when the host does not have it."""
        started = self._started.get(name)
        return None if started is None else started.result(max(0.1, self.left()))

    def left(self):
        """Return the seconds that are left."""
        return self._deadline - time.monotonic()

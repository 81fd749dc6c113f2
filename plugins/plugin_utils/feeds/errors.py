# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be wrong with vulnerability data."""

from __future__ import annotations

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError


class FeedError(LockstepError):
    """A feed cannot be used: what, where (file and record), and what to do next. Others go on."""

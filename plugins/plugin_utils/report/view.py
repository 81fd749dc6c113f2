# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report's front door: plain data in, views out, views written and printed."""

from __future__ import annotations

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.fleet import fleet_view
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.rollout import rollout_view
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.terminal import terminal
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.write import ReportError, write

__all__ = ["ReportError", "fleet_view", "rollout_view", "terminal", "write"]

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Imports of the collection go through Ansible's own loader from the start, as they do in a playbook.

pytest-ansible installs the loader too, but after the first conftest.py files have been imported; a package that was
imported without it cannot be used with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ansible.plugins.loader import init_plugin_loader

sys.path.insert(0, str(Path(__file__).resolve().parent))

from postgresql import postgresql, postgresql_url  # noqa: E402

__all__ = ["postgresql", "postgresql_url"]

init_plugin_loader([])

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What programs that a user's rule names print."""

import re

from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded

TEXT = 16384  # characters that a rule's regular expression sees


def version_in(text, regex):
    """Return the first group (or all) of the regular expression's first match, the first word without one, or None."""
    text = text[:TEXT]
    if not regex:
        words = text.split()
        return bounded(words[0]) if words else None
    found = re.search(regex, text, re.MULTILINE)
    if not found:
        return None
    return bounded((found.group(1) if found.groups() else found.group(0)) or "") or None

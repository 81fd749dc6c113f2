# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Command line of the lab; the package of the same name beside this file does the work."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 (an old python3 may be what starts it)
    sys.exit("lab.py needs Python 3.10 or later: run it with a newer python3")

from lab.cli import main

sys.exit(main())

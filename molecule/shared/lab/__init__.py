# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real systemd hosts on this machine, for the demo, the tests and molecule. See README.md."""

from .catalogue import Faults
from .debs import Deb, Spec
from .errors import LabError
from .fleet import Lab
from .hosts import Host
from .repository import Repository

__all__ = ["Deb", "Faults", "Host", "Lab", "LabError", "Repository", "Spec"]

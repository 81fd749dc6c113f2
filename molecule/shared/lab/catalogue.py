# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab's standard packages: the same names and roles in every test.

lab-web   a service that keeps the library of lab-lib mapped      lab-conf    has a conffile that changes a version
lab-lib   a library-like dependency of lab-web and lab-app        lab-slow    takes a while in postinst
lab-app   depends on exactly its own version of lab-lib           lab-broken  fails in postinst in the version told
lab-boot  asks for a reboot when it is configured                 lab-plain   nothing but a file; not a security fix
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .debs import Spec
from .errors import LabError

NAMES = ("lab-lib", "lab-web", "lab-app", "lab-conf", "lab-slow", "lab-broken", "lab-boot", "lab-plain")
AUTOMATIC = ("lab-lib",)
FIRST = "1.0"


class Faults(NamedTuple):
    """Variations: version of lab-broken whose script fails ("" for none), seconds that lab-slow takes."""

    broken: str = ""
    slow_seconds: int = 0


NO_FAULTS = Faults()


def spec(name: str, version: str, faults: Faults = NO_FAULTS) -> Spec:
    """Description of a standard package in a version. Version 1.0 has no faults, whatever is asked."""
    makers: dict[str, Callable[[], Spec]] = {
        "lab-lib": lambda: Spec(
            name, version, files=(("/usr/lib/lockstep-lab/liblab.so", f"library {version}\n" * 512),)
        ),
        "lab-web": lambda: Spec(name, version, depends="lab-lib, python3", service=True),
        "lab-app": lambda: Spec(name, version, depends=f"lab-lib (= {version})", size=20_000),
        "lab-conf": lambda: Spec(name, version, conffiles=(("/etc/lab-conf.conf", f"setting = {version}\n"),)),
        "lab-slow": lambda: Spec(name, version, postinst=_slow(version, faults)),
        "lab-broken": lambda: Spec(name, version, postinst=_broken(version, faults)),
        "lab-boot": lambda: Spec(name, version, postinst=_boot(name, version)),
        "lab-plain": lambda: Spec(name, version, files=(("/usr/share/lab-plain/version", f"{version}\n"),)),
    }
    if name not in makers:
        raise LabError(f"{name} is not a standard package", f"use one of {', '.join(NAMES)}, or describe it with Spec")
    return makers[name]()


def standard(version: str = FIRST, faults: Faults = NO_FAULTS) -> list[Spec]:
    """Descriptions of all standard packages in one version."""
    return [spec(name, version, faults) for name in NAMES]


def is_security(name: str) -> bool:
    """Whether new versions of a standard package are security fixes."""
    return name != "lab-plain"


def _slow(version: str, faults: Faults) -> str:
    if version == FIRST or not faults.slow_seconds:
        return ""
    return f"echo lab-slow waits {faults.slow_seconds} s\nsleep {faults.slow_seconds}"


def _broken(version: str, faults: Faults) -> str:
    if version == FIRST or version != faults.broken:
        return ""
    return 'echo "lab-broken: the script fails on purpose" >&2\nexit 1'


def _boot(name: str, version: str) -> str:
    if version == FIRST:
        return ""
    return (
        "echo '*** System restart required ***' > /run/reboot-required\n"
        f"grep -qx {name} /run/reboot-required.pkgs 2>/dev/null || echo {name} >> /run/reboot-required.pkgs"
    )

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the host owes a reboot: several signals, and unknown when one that matters cannot be read."""

import re

from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Signal


def signals(manager_signals, boot, services):
    """Return the Signals of a host. boot, services: those sections (services: None when it is unknown)."""
    found = list(manager_signals)
    if boot["kernel"] == "not_applicable":
        pass
    elif boot["kernel_current"] is None:
        found.append(Signal("kernel", "unknown", boot["kernel_reason"]))
    else:
        found.append(Signal("kernel", "no" if boot["kernel_current"] else "yes", boot["kernel_reason"]))
    if services is None:
        return found + [Signal("processes", "unknown", "the processes could not be read")]
    one = [row for row in services["outdated"] if row["pid"] == 1]
    if one:
        found.append(Signal("init", "yes", "PID 1 still uses replaced files: " + ", ".join(one[0]["files"][:3])))
    elif services["complete"]:
        found.append(Signal("init", "no", "PID 1 uses no replaced file"))
    else:
        found.append(Signal("init", "unknown", services["reason"]))
    bus = [row for row in services["outdated"] if row["unit"] in ("dbus.service", "dbus-broker.service")]
    if bus:
        found.append(
            Signal(
                "dbus",
                "yes",
                "the system bus still uses replaced files and cannot be restarted safely: "
                + ", ".join(bus[0]["files"][:3]),
            )
        )
    return found


def needrestart(run):
    """Return the Signal of ``needrestart -b -k``, or None when it says nothing about the kernel."""
    found = re.search(r"^NEEDRESTART-KSTA: (\d)", run.out, re.MULTILINE)
    if not found or found.group(1) == "0":
        return None
    if found.group(1) == "1":
        return Signal("needrestart", "no", "needrestart: the kernel is up to date")
    return Signal("needrestart", "yes", "needrestart: another kernel is due")


def section(found):
    """Return the section ``reboot`` of the signals: yes beats unknown beats no."""
    yes = [{"signal": row.signal, "text": row.text} for row in found if row.needed == "yes"]
    unknown = [row.signal for row in found if row.needed == "unknown"]
    return {"needed": "yes" if yes else "unknown" if unknown else "no", "reasons": yes, "unknown": unknown}

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings that security rests on, as sshd, apt, dnf, systemd and the kernel tell them."""

from typing import Any, Dict

from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded

SSHD = (
    "allowgroups",
    "allowusers",
    "challengeresponseauthentication",
    "denygroups",
    "denyusers",
    "gatewayports",
    "kbdinteractiveauthentication",
    "listenaddress",
    "maxauthtries",
    "passwordauthentication",
    "permitemptypasswords",
    "permitrootlogin",
    "permituserenvironment",
    "port",
    "pubkeyauthentication",
    "usepam",
    "x11forwarding",
)
SSHD_LIMIT = 300  # characters of one setting
TIMERS = {
    "apt-daily-upgrade.timer": "unattended-upgrades",
    "dnf-automatic.timer": "dnf-automatic",
    "dnf-automatic-install.timer": "dnf-automatic",
    "dnf5-automatic.timer": "dnf5-automatic",
    "transactional-update.timer": "transactional-update",
    "os-update.timer": "os-update",
}
TIME_UNITS = (
    "chrony.service",
    "chronyd.service",
    "ntp.service",
    "ntpd.service",
    "ntpsec.service",
    "openntpd.service",
    "systemd-timesyncd.service",
)
FIGHTS = "it installs what no test host has had, outside of every window; exclude it while Lockstep patches this host"


def parse_sshd(text):
    """Return {setting: value} of the settings in SSHD that ``sshd -T`` prints; repeated ones are joined."""
    found: Dict[str, Any] = {}
    for line in text.split("\n"):
        name, _space, value = line.partition(" ")
        if name in SSHD:
            found[name] = bounded(found[name] + ", " + value if name in found else value, SSHD_LIMIT)
    return found


def parse_units(text):
    """Return {unit: {loaded, active, enabled}} of ``systemctl show --property=Id,LoadState,ActiveState,UnitFileState``;
    units that are not there are left out."""
    found = {}
    for block in text.split("\n\n"):
        fields = dict(line.partition("=")[::2] for line in block.split("\n") if "=" in line)
        if fields.get("Id") and fields.get("LoadState") not in ("not-found", None):
            found[fields["Id"]] = {
                "loaded": fields["LoadState"] == "loaded",
                "active": fields.get("ActiveState") == "active",
                "enabled": fields.get("UnitFileState") in ("enabled", "enabled-runtime", "alias", "static"),
            }
    return found


def parse_apt_config(text):
    """Return {key in lower case: value} of ``apt-config dump``; lists are left out."""
    found = {}
    for line in text.split("\n"):
        key, space, value = line.partition(" ")
        if space and not key.endswith("::") and value.startswith('"'):
            found[key.lower()] = value.rstrip(";").strip('"')
    return found


def parse_ini_value(text, section, key):
    """Return a value of an INI file such as dnf's automatic.conf, or None."""
    here = ""
    for line in text.split("\n"):
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            here = line[1:-1].strip().lower()
        elif here == section and not line.startswith(("#", ";")):
            name, sign, value = line.partition("=")
            if sign and name.strip().lower() == key:
                return bounded(value.strip())
    return None


def automatic(units, apt, dnf_applies):
    """Return {installs: bool, tools: [{tool, installs, why}], fights: text or None}.

    units: parse_units(); apt: parse_apt_config() or None where there is no apt; dnf_applies: the value of
    apply_updates in automatic.conf, or None.
    """
    tools = []
    for timer, tool in sorted(TIMERS.items()):
        if timer not in units:
            continue
        runs = units[timer]["active"]
        installs, why = runs, "{0} is {1}".format(timer, "active" if runs else "not active")
        if tool == "unattended-upgrades":
            if apt is None or not _on(apt.get("apt::periodic::enable", "1")):
                installs, why = False, why + ", APT::Periodic::Enable is off"
            elif not _on(apt.get("apt::periodic::unattended-upgrade", "0")):
                installs, why = False, why + ", APT::Periodic::Unattended-Upgrade is off"
        elif timer in ("dnf-automatic.timer", "dnf5-automatic.timer"):
            applies = (dnf_applies or "no").lower() in ("yes", "true", "1")
            installs, why = runs and applies, "{0}, apply_updates is {1}".format(why, "on" if applies else "off")
        tools.append({"tool": tool, "installs": installs, "why": why})
    busy = sorted({row["tool"] for row in tools if row["installs"]})
    return {
        "installs": bool(busy),
        "tools": tools,
        "fights": "{0}: {1}".format(", ".join(busy), FIGHTS) if busy else None,
    }


def _on(value):
    # apt-daily counts days: 0 is never; "always" and units such as 12h exist too
    return value.strip().lower() not in ("0", "", "false", "no", "off")


def parse_lockdown(text):
    """Return the mode in brackets of /sys/kernel/security/lockdown, or None."""
    _before, bracket, rest = text.partition("[")
    return bounded(rest.partition("]")[0]) if bracket else None


def parse_selinux(enforce, config):
    """Return enforcing, permissive or disabled. enforce: the text of /sys/fs/selinux/enforce, or None; config: the file
    /etc/selinux/config, or None where SELinux is not installed (the answer is then None)."""
    if enforce is not None:
        return "enforcing" if enforce.strip() == "1" else "permissive"
    return None if config is None else "disabled"


def parse_profiles(text):
    """Return {enforce, complain} of /sys/kernel/security/apparmor/profiles: how many profiles are in which mode."""
    modes = [line.rpartition("(")[2].rstrip(")") for line in text.split("\n") if line.endswith(")")]
    return {"enforce": modes.count("enforce"), "complain": modes.count("complain")}


def parse_mounts(text):
    """Return [(path, device as major:minor, filesystem, source)] of /proc/self/mountinfo: those that are on a disk."""
    found = []
    for line in text.split("\n"):
        left, dash, right = line.partition(" - ")
        fields, rest = left.split(), right.split()
        if dash and len(fields) >= 5 and len(rest) >= 2 and rest[1].startswith("/dev/"):
            found.append((fields[4], fields[2], rest[0], rest[1]))
    return found

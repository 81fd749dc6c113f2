# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kernel and systemd print about processes, sockets and units: hostile text, so lengths are bounded."""

import re
import shlex
import socket
import struct
import sys

TEXT = 120  # characters kept of a name
PATH = 300  # characters kept of a path
_DELETED = " (deleted)"
_PROGRAM = re.compile(rb"^[0-9a-f]+-[0-9a-f]+ ..x. [0-9a-f]+ \S+ [1-9][0-9]* +(/[^\n]*)$", re.MULTILINE)
# Mappings that are no files of packages: memory, devices, temporary and run-time files.
_NO_FILE = re.compile(r"^/(?:memfd:|dev/|SYSV|\[|tmp/|var/tmp/|run/|var/run/|home/|drm |i915|anon_hugepage|proc/|sys/)")
_UNIT = re.compile(r"[^/]+\.(?:service|scope)$")
_CONTAINER = re.compile(r"docker|libpod|kubepods|containerd|/lxc|machine\.slice|crio-|garden")


def bounded(text, limit=TEXT):
    """Return text without control characters and of at most limit characters."""
    return "".join(char if char.isprintable() else "?" for char in text[:limit])


def deleted_files(maps):
    """Return the sorted paths of replaced program files and libraries in the text of /proc/PID/maps."""
    found = set()
    if _DELETED not in maps:
        return []
    for line in maps.split("\n"):
        if not line.endswith(_DELETED):
            continue
        fields = line.split(None, 5)
        if len(fields) == 6 and "x" in fields[1] and fields[4] != "0":
            path = fields[5][: -len(_DELETED)]
            if path.startswith("/") and not _NO_FILE.match(path):
                found.add(bounded(path, PATH))
    return sorted(found)


def mapped_files(maps):
    """Return the paths of programs and libraries in the bytes of /proc/PID/maps, replaced ones by their old path."""
    found = set()
    for raw in set(_PROGRAM.findall(maps)):
        path = real_path(raw.decode("utf-8", "replace"))
        if not _NO_FILE.match(path):
            found.add(bounded(path, PATH))
    return found


def real_path(path):
    """Return a path of /proc without the note that its file was replaced or removed."""
    return path[: -len(_DELETED)] if path.endswith(_DELETED) else path


def unit_of(cgroup):
    """Return the systemd unit in the text of /proc/PID/cgroup (v1, v2 or both), or empty."""
    for line in cgroup.split("\n"):
        parts = line.split(":", 2)
        if len(parts) == 3 and (parts[1] == "name=systemd" or (parts[0] == "0" and parts[1] == "")):
            units = [part for part in parts[2].split("/") if _UNIT.search(part)]
            # below user@1000.service are that user's own units
            if units:
                return bounded(units[-1] if units[0].startswith("user@") else units[0])
    return ""


def in_container(cgroup):
    """Say whether the text of /proc/PID/cgroup is that of a container's process."""
    return _CONTAINER.search(cgroup) is not None


def listening(text, proto):
    """Return [(address, port, inode)] of the listening (tcp) or unconnected (udp) sockets of /proc/net/PROTO."""
    wanted = "0A" if proto.startswith("tcp") else "07"
    found = []
    for line in text.split("\n")[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != wanted:
            continue
        address, _colon, port = fields[1].partition(":")
        try:
            found.append((_address(address), int(port, 16), fields[9]))
        except (ValueError, OSError, struct.error):
            continue
    return found


def _address(text):
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    order = "<" if sys.byteorder == "little" else ">"
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(
        family,
        struct.pack(order + "I" * len(words), *words)
        if order == ">"
        else b"".join(struct.pack("<I", word) for word in words),
    )


def parent(stat):
    """Return the parent's process id in the text of /proc/PID/stat, or 0."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else 0


def local(address):
    """Say whether a socket on this address is reached from the host alone."""
    return address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1")


def parse_units(text):
    """Return [{name, active, sub, result}] of ``systemctl show --property=Id,ActiveState,SubState,Result``."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.partition("=")[::2] for line in block.split("\n") if "=" in line)
        if fields.get("Id"):
            found.append(
                {
                    "name": bounded(fields["Id"]),
                    "active": bounded(fields.get("ActiveState", "")),
                    "sub": bounded(fields.get("SubState", "")),
                    "result": bounded(fields.get("Result", "")),
                }
            )
    return sorted(found, key=lambda unit: unit["name"])


def parse_os_release(text):
    """Return the fields of an os-release file."""
    fields = {}
    for line in text.split("\n"):
        key, sign, value = line.strip().partition("=")
        if sign and not key.startswith("#"):
            try:
                words = shlex.split(value)
            except ValueError:
                words = [value.strip("\"'")]
            fields[key] = bounded(" ".join(words))
    return fields

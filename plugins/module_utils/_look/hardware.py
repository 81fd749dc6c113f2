# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What machine it is: virtualisation, firmware, cloud. From local data; no metadata service is asked."""

import os
from typing import Any, Dict

from ansible_collections.lockstep.patching.plugins.module_utils._look.host_facts import container
from ansible_collections.lockstep.patching.plugins.module_utils._parse import dmi
from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded

COMMANDS = {"virtualisation": ["systemd-detect-virt"]}
FIRMWARE = "/sys/class/dmi/id/"
INSTANCE = "/run/cloud-init/instance-data.json"


def section(host, commands, _rules):
    """Return {kind, virtualisation, vendor, product, serial, uuid, bios, cpus, memory, cloud, missing}.

    kind: physical, virtual, container or unknown; missing: {field: why it is not known}, the fields are None then.
    """
    missing: Dict[str, Any] = {}
    inside = container(host)
    kind, virtualisation = _kind(commands.result("virtualisation"), inside, missing)
    fields = {} if inside else _firmware(host)
    if not fields:
        why = "in a container the firmware is the machine's" if inside else "the firmware tells nothing here"
        missing.update(dict.fromkeys(("vendor", "product", "serial", "uuid", "bios"), why))
    elif "product_serial" not in fields:
        missing.update(dict.fromkeys(("serial", "uuid"), "only root may read it"))
    told = {name: dmi.meaningful(text) for name, text in fields.items()}
    bios = [told.get("bios_" + name) or "" for name in ("vendor", "version", "date")]
    return {
        "kind": kind,
        "virtualisation": virtualisation,
        "vendor": told.get("sys_vendor"),
        "product": told.get("product_name"),
        "serial": told.get("product_serial"),
        "uuid": told.get("product_uuid"),
        "bios": " ".join(text for text in bios if text) or None,
        "cpus": os.cpu_count(),
        "memory": dmi.parse_memory(host.read_or("/proc/meminfo")),
        "cloud": _cloud(host, fields, missing),
        "missing": missing,
    }


def _kind(run, inside, missing):
    if inside:
        return "container", inside
    said = run.out.strip() if run is not None else ""
    if said == "none":
        return "physical", None
    if said:
        return "virtual", bounded(said)
    missing["virtualisation"] = "systemd-detect-virt is not on the host" if run is None else "systemd does not know it"
    return "unknown", None


def _firmware(host):
    found = {}
    for name in dmi.FIELDS:
        try:
            found[name] = host.read(FIRMWARE + name, 200)
        except OSError:
            continue
    return found


def _cloud(host, fields, missing):
    """Return {provider, instance_id, region, zone, type, from} or None outside of a cloud."""
    if os.path.exists(host.path(INSTANCE)):
        try:
            said = dmi.parse_instance(host.read(INSTANCE))
            if said:
                return dict(said, **{"from": "cloud-init"})
        except (OSError, ValueError) as error:
            missing["cloud"] = "cloud-init's {0} cannot be read: {1}".format(INSTANCE, bounded(str(error), 200))
    provider = dmi.cloud_of_firmware(fields)
    if provider is None:
        return None
    number = host.read_or("/var/lib/cloud/data/instance-id").strip() or (
        dmi.meaningful(host.read_or(FIRMWARE + "board_asset_tag")) if provider == "aws" else None
    )
    told = {"provider": provider, "instance_id": bounded(number) if number else None, "from": "firmware"}
    return dict(told, region=None, zone=None, type=None)

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the firmware says of a machine, and which cloud it is in: from /sys/class/dmi/id and cloud-init's own file."""

import json

from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded

# What vendors write where they have nothing to say.
_NOTHING = frozenset(
    (
        "",
        "none",
        "n/a",
        "0",
        "default string",
        "not specified",
        "not applicable",
        "not available",
        "system serial number",
        "system product name",
        "system manufacturer",
        "to be filled by o.e.m.",
        "chassis serial number",
        "0123456789",
        "123456789",
    )
)
_AZURE_TAG = "7783-7084-3265-9085-8269-3286-77"
# (cloud, field, how it begins), by what each provider documents or has always sent
_CLOUDS = (
    ("aws", "sys_vendor", "amazon ec2"),
    ("aws", "bios_vendor", "amazon ec2"),
    ("aws", "product_uuid", "ec2"),
    ("gcp", "product_name", "google compute engine"),
    ("azure", "chassis_asset_tag", _AZURE_TAG),
    ("oracle", "chassis_asset_tag", "oraclecloud.com"),
    ("digitalocean", "sys_vendor", "digitalocean"),
    ("hetzner", "sys_vendor", "hetzner"),
    ("alibaba", "sys_vendor", "alibaba cloud"),
    ("scaleway", "sys_vendor", "scaleway"),
    ("vultr", "sys_vendor", "vultr"),
    ("akamai", "sys_vendor", "akamai"),
    ("akamai", "sys_vendor", "linode"),
    ("exoscale", "product_name", "exoscale"),
    ("upcloud", "sys_vendor", "upcloud"),
    ("openstack", "product_name", "openstack"),
    ("openstack", "chassis_asset_tag", "openstack"),
)
FIELDS = (
    "sys_vendor",
    "product_name",
    "product_serial",
    "product_uuid",
    "chassis_asset_tag",
    "bios_vendor",
    "bios_version",
    "bios_date",
)


def meaningful(text):
    """Return the text of a firmware field, or None where the vendor left it out."""
    text = bounded(text.strip())
    return None if text.lower() in _NOTHING or not text.strip(".-_ 0xX") else text


def cloud_of_firmware(fields):
    """Return the name of the cloud that the firmware fields name, or None."""
    for cloud, field, start in _CLOUDS:
        if (fields.get(field) or "").strip().lower().startswith(start):
            return cloud
    return None


def parse_instance(text):
    """Return {provider, instance_id, region, zone, type} of cloud-init's instance-data.json, or None when it has none.

    Raise ValueError for damaged JSON.
    """
    data = json.loads(text)
    about = data.get("v1") if isinstance(data, dict) else None
    if not isinstance(about, dict):
        return None

    def said(*names):
        found = next((about[name] for name in names if isinstance(about.get(name), str) and about[name]), None)
        return None if found in (None, "unknown", "None", "none") else bounded(found)

    provider = said("cloud_name", "cloud-name", "platform")
    if provider in (None, "nocloud", "none"):
        return None
    return {
        "provider": provider,
        "instance_id": said("instance_id", "instance-id"),
        "region": said("region"),
        "zone": said("availability_zone", "availability-zone"),
        "type": said("instance_type", "instance-type"),
    }


def parse_memory(text):
    """Return the bytes of memory in the text of /proc/meminfo, or None."""
    for line in text.split("\n"):
        fields = line.split()
        if len(fields) >= 2 and fields[0] == "MemTotal:" and fields[1].isdigit():
            return int(fields[1]) * 1024
    return None

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Antivirus and other security agents that a look finds unless the policy lists its own. Data only.

Units, processes (as the kernel shortens them) and paths as the vendors' Linux packages have them.
"""

from __future__ import annotations

from typing import Any

_ROWS = (
    ("CrowdStrike Falcon", "edr", "falcon-sensor.service", "/opt/CrowdStrike/falconctl"),
    ("Microsoft Defender", "edr", "mdatp.service", "/opt/microsoft/mdatp"),
    ("SentinelOne", "edr", "sentinelone.service", "/opt/sentinelone"),
    ("Carbon Black", "edr", "cbagentd.service", "/opt/carbonblack"),
    ("Cortex XDR", "edr", "traps_pmd.service", "/opt/traps"),
    ("Elastic Agent", "edr", "elastic-agent.service", "/opt/Elastic/Agent"),
    ("Sophos", "antivirus", "sophos-spl.service", "/opt/sophos-spl"),
    ("Trend Micro Deep Security", "edr", "ds_agent.service", "/opt/ds_agent"),
    ("ESET", "antivirus", "eea.service", "/opt/eset/eea"),
    ("Bitdefender", "antivirus", "bdsec.service", "/opt/bitdefender-security-tools"),
    ("Kaspersky", "antivirus", "kesl.service", "/opt/kaspersky/kesl"),
    ("ClamAV", "antivirus", "clamav-daemon.service", "/usr/sbin/clamd"),
    ("ClamAV", "antivirus", "clamd@scan.service", "/usr/sbin/clamd"),
    ("Wazuh", "hids", "wazuh-agent.service", "/var/ossec/bin/wazuh-control"),
    ("Falco", "hids", "falco.service", "/usr/bin/falco"),
    ("osquery", "monitoring", "osqueryd.service", "/usr/bin/osqueryd"),
    ("auditd", "audit", "auditd.service", "/usr/sbin/auditd"),
    ("fail2ban", "ips", "fail2ban.service", "/usr/bin/fail2ban-server"),
    ("CrowdSec", "ips", "crowdsec.service", "/usr/bin/crowdsec"),
    ("AIDE", "integrity", "dailyaidecheck.timer", "/usr/bin/aide"),
)
AGENTS: tuple[dict[str, Any], ...] = tuple(
    {"name": name, "kind": kind, "unit": unit, "path": path} for name, kind, unit, path in _ROWS
)

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the packet filter does with what comes in and no rule has let in: nftables' JSON, iptables' rules."""

import json
from typing import Any, Dict

STOPS = ("drop", "reject")


def parse_nft(text):
    """Return {active, tool, input: {ip, ip6}} of ``nft -j list ruleset``; raise ValueError.

    active: some rule or policy stops something that comes in. input: drop, reject or accept, for each of the two
    protocols: the strictest of the chains that see incoming packets. tool: ufw, firewalld, or nftables for others.
    """
    data = json.loads(text)
    if not isinstance(data, dict) or not isinstance(data.get("nftables"), list):
        raise ValueError("nft printed no ruleset")
    chains: Dict[str, Any] = {}
    rules: Dict[str, Any] = {}
    for entry in data["nftables"]:
        if isinstance(entry.get("chain"), dict):
            chains[_key(entry["chain"], "name")] = entry["chain"]
        elif isinstance(entry.get("rule"), dict):
            rules.setdefault(_key(entry["rule"], "chain"), []).append(entry["rule"].get("expr") or [])
    entrances = [key for key, chain in chains.items() if chain.get("hook") == "input" and chain.get("type") == "filter"]
    verdicts = {"ip": "accept", "ip6": "accept"}
    active = False
    for key in entrances:
        default = _default(chains[key], rules.get(key, []))
        active = active or default in STOPS or _stops(key, rules, set())
        for family in verdicts:
            if key[0] in (family, "inet") and default in STOPS:
                verdicts[family] = default
    return {"active": active, "tool": _tool(chains) if active else None, "input": verdicts}


def parse_iptables(rules4, rules6):
    """Return the same of ``iptables -S`` and ``ip6tables -S`` (None: the command is not there)."""
    verdicts, active, names = {}, False, set()
    for family, text in (("ip", rules4), ("ip6", rules6)):
        verdict = "accept"
        for line in (text or "").split("\n"):
            words = line.split()
            if words[:2] == ["-P", "INPUT"] and len(words) > 2:
                verdict = words[2].lower()
            elif words[:1] == ["-N"]:
                names.add(words[-1])
            elif words[:2] == ["-A", "INPUT"] and len(words) == 4 and words[3].lower() in STOPS:
                verdict = words[3].lower()
            if words[:1] == ["-A"] and words[-1] in ("DROP", "REJECT"):
                active = True
        verdicts[family] = verdict
    active = active or any(verdict in STOPS for verdict in verdicts.values())
    tool = "ufw" if any(name.startswith("ufw-") for name in names) else "iptables"
    return {"active": active, "tool": tool if active else None, "input": verdicts}


def _key(row, name):
    return str(row.get("family")), str(row.get("table")), str(row.get(name))


def _default(chain, rules):
    """The chain's policy, or what its last rule does with everything that comes to it."""
    policy = str(chain.get("policy", "accept"))
    last = [verb for verb in _verbs(rules[-1]) if verb != "counter"] if rules else []
    return last[0] if len(last) == 1 and last[0] in STOPS else policy


def _verbs(expressions):
    return [verb for expression in expressions if isinstance(expression, dict) for verb in expression]


def _stops(key, rules, seen):
    """Does a rule of the chain, or of one that it goes on to, stop anything?"""
    seen.add(key)
    for expressions in rules.get(key, []):
        for expression in expressions:
            if not isinstance(expression, dict):
                continue
            if any(verb in STOPS for verb in expression):
                return True
            for verb in ("jump", "goto"):
                target = expression.get(verb)
                if isinstance(target, dict):
                    there = (key[0], key[1], str(target.get("target")))
                    if there not in seen and _stops(there, rules, seen):
                        return True
    return False


def _tool(chains):
    if any(table == "firewalld" for _family, table, _name in chains):
        return "firewalld"
    return "ufw" if any(name.startswith("ufw-") for _family, _table, name in chains) else "nftables"

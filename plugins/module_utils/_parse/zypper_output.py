# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What zypper writes (C locale, ``--xmlout``): text -> values."""

import re
from typing import Dict, List, NamedTuple, Optional
from xml.etree import ElementTree

FINE = (0, 100, 101, 102, 103)
"""Nothing went wrong; what there is beside is told by other questions too."""
CODES = {
    1: "unexpected error inside zypper",
    2: "zypper does not know an option",
    3: "zypper does not take an argument",
    4: "libzypp reported a problem",
    5: "root's rights are needed",
    6: "no repository is configured",
    7: "another program has locked the package management",
    8: "installing or removing failed",
    100: "updates are needed",
    101: "security updates are needed",
    102: "a reboot is needed",
    103: "the package manager itself was updated and has to run again",
    104: "a package was not found",
    105: "it was interrupted by a signal",
    106: "a repository could not be refreshed and was left out",
    107: "packages are installed, but scripts of theirs failed",
}
_ALIAS = re.compile(r"\[([^\]|]+)\|([^\]]*)\]")
_SECRET = re.compile(r"(\w+://)[^/@\s]*@")


class Repo(NamedTuple):
    """An enabled repository. checked: its index must be signed; file: whether it is on this host."""

    alias: str
    name: str
    priority: int
    autorefresh: bool
    checked: bool
    url: str


class Solvable(NamedTuple):
    """A package of an installation summary. old: the version that it replaces, or None."""

    action: str
    name: str
    arch: str
    version: str
    old: Optional[str]


class Offered(NamedTuple):
    """A package of a list of updates. alias: of the repository that offers it."""

    name: str
    arch: str
    version: str
    old: Optional[str]
    alias: str


def parse_repos(text: str) -> List[Repo]:
    """Return the enabled repositories of ``zypper --xmlout repos``."""
    found = []
    for node in _xml(text).iter("repo"):
        if node.get("enabled") != "1":
            continue
        found.append(
            Repo(
                node.get("alias", ""),
                node.get("name", ""),
                int(node.get("priority", "99")),
                node.get("autorefresh") == "1",
                # older versions have one flag for both kinds of check
                node.get("repo_gpgcheck", node.get("gpgcheck", "1")) == "1",
                (node.findtext("url") or "").strip(),
            )
        )
    return found


def parse_updates(text: str) -> List[Offered]:
    """Return the packages of ``zypper --xmlout list-updates``."""
    found = []
    for node in _xml(text).iter("update"):
        if node.get("kind") != "package":
            continue
        source = node.find("source")
        found.append(
            Offered(
                node.get("name", ""),
                node.get("arch", ""),
                node.get("edition", ""),
                node.get("edition-old"),
                source.get("alias", "") if source is not None else "",
            )
        )
    return found


def parse_summary(text: str) -> List[Solvable]:
    """Return the packages of an installation summary (``--xmlout``), which stands even where the run went on to fail.

    Packages that change their architecture are a removal and an installation.
    """
    found = []
    for part, action in (
        ("to-upgrade", "upgrade"),
        ("to-upgrade-change-arch", "upgrade"),
        ("to-downgrade", "downgrade"),
        ("to-downgrade-change-arch", "downgrade"),
        ("to-install", "install"),
        ("to-reinstall", "reinstall"),
        ("to-change-arch", "upgrade"),
        ("to-change-vendor", "upgrade"),
        ("to-remove", "remove"),
    ):
        for group in _xml(text).iter(part):
            for node in group.iter("solvable"):
                if node.get("type") != "package":
                    continue
                name, arch, old_arch = node.get("name", ""), node.get("arch", ""), node.get("arch-old")
                version, old = node.get("edition", ""), node.get("edition-old")
                if old_arch and old_arch != arch:
                    found.append(Solvable("remove", name, old_arch, old or "", old))
                    found.append(Solvable("install", name, arch, version, None))
                else:
                    found.append(Solvable(action, name, arch, version, version if action == "remove" else old))
    return found


def parse_messages(text: str, kind: str = "error") -> List[str]:
    """Return the messages of a kind (error, warning, info) of an XML stream, each on one line and without secrets.

    A stream that was cut off gives what stands in it.
    """
    found = []
    for match in re.finditer(r'<message type="{0}">(.*?)</message>'.format(kind), text, re.DOTALL):
        found.append(without_secrets(" ".join(_unescape(match.group(1)).split())))
    return found


def parse_problems(text: str) -> List[str]:
    """Return the solver's problems of an XML stream."""
    found = [one for one in parse_messages(text, "info") if one.startswith("Problem: ")]
    return found or [one for one in parse_messages(text, "info") if "nothing provides" in one]


def parse_refresh(text: str) -> Dict[str, str]:
    """Return why repositories could not be refreshed, by alias; "" is for what names none.

    text: ``zypper --xmlout refresh``.
    """
    found: Dict[str, str] = {}
    causes = parse_messages(text)
    for raw in re.findall(r'<message type="error">(.*?)</message>', text, re.DOTALL):
        lines = [line.strip() for line in _unescape(raw).split("\n") if line.strip()]
        alias = next((match.group(1) for match in map(_ALIAS.search, lines) if match), None)
        if alias is None or alias in found:
            continue
        # the last entry of the history that it prints, and what it prints of that, is the cause
        starts = [at for at, line in enumerate(lines) if line.startswith("- ")] or [1]
        told = [line for line in lines[starts[-1] :] if not line.startswith("Please check")]
        # an error before it tells more than the history repeats, if it is of the same repository
        before = [one for one in causes if "repository '{0}'".format(alias) in one and "because" not in one]
        cause = " ".join(_ALIAS.sub("", line).strip("- ") for line in told)
        found[alias] = without_secrets("; ".join(dict.fromkeys(before[:1] + [cause])))[:400]
    if not found and causes:
        found[""] = causes[0][:400]
    return found


def failure_state(problem: str) -> str:
    """What a failed refresh makes of an index: unsigned where its signature is at fault, else unreachable."""
    words = ("ignature", "unsigned", "gpg", "key", "trusted")
    return "unsigned" if any(word in problem for word in words) else "unreachable"


def meaning(rc: int) -> str:
    """What an exit status of zypper says."""
    return CODES.get(rc, "it ended with {0}".format(rc))


def without_secrets(text: str) -> str:
    """The text without user names and passwords in its URLs."""
    return _SECRET.sub(r"\1", text)


def _unescape(text):
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(entity, char)
    return text


def _xml(text):
    begin = text.find("<?xml")
    if begin < 0 or "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("zypper's answer is no XML: {0}".format(" ".join(text.split())[:200]))
    try:
        return ElementTree.fromstring(text[begin:])
    except ElementTree.ParseError as error:
        raise ValueError("zypper's answer is not valid XML: {0}".format(error))

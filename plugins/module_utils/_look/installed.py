# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Software beside the system's packages: snaps, flatpaks, language packages, and what a user's rules declare."""

import glob
import os
from typing import Any, Dict

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._parse import bundles, declared, languages
from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import PATH, bounded

LANGUAGE_LIMIT = 3000
MATCHES = 20  # files that one rule's path may stand for
FILE_LIMIT = 262144  # bytes read of a manifest or of a rule's file
PIP = (
    "/usr/local/lib/python3*/dist-packages",
    "/usr/local/lib/python3*/site-packages",
    "/usr/local/lib64/python3*/site-packages",
)
# Here the distribution installs too; only what pip and its like have put there counts.
PIP_SHARED = ("/usr/lib/python3*/dist-packages", "/usr/lib/python3*/site-packages", "/usr/lib64/python3*/site-packages")
DISTRIBUTIONS = ("debian", "rpm", "dnf", "portage", "pacman", "apk")
NPM = ("/usr/local/lib/node_modules", "/usr/lib/node_modules")
GEM = (
    "/var/lib/gems/*/specifications",
    "/usr/local/lib/ruby/gems/*/specifications",
    "/usr/local/share/gems/specifications",
)


class Snaps(object):
    COMMANDS = {"snaps": ["snap", "list", "--unicode=never", "--color=never"]}

    @staticmethod
    def section(_host, commands, _rules):
        """Return [{name, version, revision, channel, publisher, disabled}]."""
        run = commands.result("snaps")
        if run is not None and run.rc:
            why = " ".join(run.err.split())[-200:] or "snap list failed"
            raise Unknown("snaps", why, "look at snapd on the host")
        return bundles.parse_snaps(run.out) if run is not None else []


class Flatpaks(object):
    COMMANDS = {"flatpaks": ["flatpak", "list", "--system", "--columns=application,version,branch,arch,origin"]}

    @staticmethod
    def section(_host, commands, _rules):
        """Return [{name, version, branch, arch, origin}] of those that are installed for all users."""
        run = commands.result("flatpaks")
        if run is not None and run.rc:
            why = " ".join(run.err.split())[-200:] or "flatpak list failed"
            raise Unknown("flatpaks", why, "run flatpak list --system on the host")
        return bundles.parse_flatpaks(run.out) if run is not None else []


class Languages(object):
    COMMANDS: Dict[str, Any] = {}

    @staticmethod
    def section(host, _commands, _rules):
        """Return [{kind: pip, npm or gem, name, version, path}] of what is installed for the whole system."""
        found: Dict[Any, Any] = {}
        for pattern, shared in [(path, False) for path in PIP] + [(path, True) for path in PIP_SHARED]:
            for folder in _matching(host, pattern):
                for name in _names(host, folder):
                    told = languages.pip_folder(name)
                    if told and (not shared or _by_pip(host, folder + "/" + name)):
                        found.setdefault(("pip",) + told, folder)
        for folder in NPM:
            for path in _node_packages(host, folder):
                told = _manifest(host, path)
                if told:
                    found.setdefault(("npm",) + told, folder)
        for pattern in GEM:
            for folder in _matching(host, pattern):
                for name in _names(host, folder):
                    told = languages.gem_file(name)
                    if told:
                        found.setdefault(("gem",) + told, folder)
        if len(found) > LANGUAGE_LIMIT:
            why = "{0} language packages are more than {1}".format(len(found), LANGUAGE_LIMIT)
            raise Unknown("languages", why, "see why so many are installed for the whole system")
        return [
            {"kind": kind, "name": name, "version": version, "path": bounded(found[kind, name, version], PATH)}
            for kind, name, version in sorted(found)
        ]


class Declared(object):
    COMMANDS: Dict[str, Any] = {}

    @staticmethod
    def section(host, commands, rules):
        """Return [{name, vendor, path, version, problem}] of what the rules find; version None with a problem."""
        found = []
        for rule in rules.get("software") or []:
            for path in _matching(host, str(rule["path"]))[:MATCHES]:
                version, problem = _version(host, rule, path, commands.left())
                found.append(
                    {
                        "name": bounded(str(rule["name"])),
                        "vendor": bounded(str(rule.get("vendor") or "")),
                        "path": bounded(path, PATH),
                        "version": version,
                        "problem": problem,
                    }
                )
        return sorted(found, key=lambda row: (row["name"], row["path"]))


def _version(host, rule, path, left):
    """Return (version, why there is none). Without command and file the path itself is what the expression reads."""
    try:
        if rule.get("command"):
            if left <= 0:
                return None, "there was no time left to run its command"
            argv = [str(word).replace("{path}", path) for word in rule["command"]]
            run = host.start(argv, timeout=min(10.0, left)).result()
            if run.rc:
                said = " ".join((run.err or run.out).split())[-150:]
                return None, bounded("{0} failed ({1}): {2}".format(argv[0], run.rc, said), PATH)
            text = run.out or run.err
        elif rule.get("file"):
            text = host.read(str(rule["file"]).replace("{path}", path), FILE_LIMIT)
        else:
            text = path
    except OSError as error:
        return None, bounded("{0}: {1}".format(error.filename, error.strerror), PATH)
    version = declared.version_in(text, rule.get("regex"))
    return version, None if version else "the regular expression finds no version in what it says"


def _matching(host, pattern):
    real = host.path("/")
    cut = 0 if real == "/" else len(real.rstrip("/"))
    return sorted(path[cut:] for path in glob.glob(host.path(pattern)))


def _names(host, folder):
    try:
        return os.listdir(host.path(folder))
    except OSError:
        return []


def _by_pip(host, folder):
    installer = host.read_or(folder + "/INSTALLER").strip().lower()
    return bool(installer) and installer not in DISTRIBUTIONS


def _node_packages(host, folder):
    for name in sorted(_names(host, folder)):
        if name.startswith("@"):
            for inner in sorted(_names(host, folder + "/" + name)):
                yield "{0}/{1}/{2}".format(folder, name, inner)
        elif not name.startswith("."):
            yield "{0}/{1}".format(folder, name)


def _manifest(host, path):
    try:
        return languages.npm_manifest(host.read(path + "/package.json", FILE_LIMIT))
    except (OSError, ValueError):
        return None


PARTS = {"snaps": Snaps, "flatpaks": Flatpaks, "languages": Languages, "declared": Declared}

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""apt's private index: a flat file: repository that holds a plan's files and nothing else.

apt gets its own source list, Lists and cache folders, so neither the host's repositories nor its preferences take
part; dpkg's status and
apt's auto marks stay the host's own.
"""

import os
from typing import List

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Line, Offered
from ansible_collections.lockstep.patching.plugins.module_utils._provider import control
from ansible_collections.lockstep.patching.plugins.module_utils._provider.apt_write_files import AptFiles
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host


def options(work_dir: str) -> List[str]:
    """Options that make apt-get see only the private index."""
    settings = {
        "Dir::Etc::SourceList": work_dir + "/sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State::Lists": work_dir + "/lists",
        "Dir::Cache": work_dir + "/cache",
        "APT::Sandbox::User": "root",
        "APT::Default-Release": "",
        "Acquire::Languages": "none",
        "APT::Get::AutomaticRemove": "false",
        "APT::Get::Show-User-Simulation-Note": "false",
    }
    return [word for key in sorted(settings) for word in ("-o", "{0}={1}".format(key, settings[key]))]


def build(host: Host, lines: List[Line], files_dir: str, control_dir: str, work_dir: str) -> List[Offered]:
    """Write the index of these lines' files and let apt read it; raise Unknown when a file can't be used."""
    for name in ("repo", "lists/partial", "cache/archives/partial"):
        os.makedirs(host.path(work_dir + "/" + name), exist_ok=True)
    stanzas = []
    with open(host.path(work_dir + "/repo/Packages"), "w", encoding="utf-8") as packages:
        for line in lines:
            text = control.control_of(AptFiles, host, str(line.sha256), files_dir, control_dir)
            stanzas.append(control.offered(AptFiles, text, line, files_dir))
            # without the epoch: a colon would have to be quoted
            link = "{0}_{1}_{2}.deb".format(
                line.package, str(line.version).partition(":")[2] or line.version, line.arch
            )
            _link(files_dir + "/" + str(line.sha256), host.path(work_dir + "/repo/" + link))
            packages.write(
                "{0}\nFilename: ./{1}\nSize: {2}\nSHA256: {3}\n\n".format(
                    text.strip("\n"), link, os.stat(host.path(files_dir + "/" + str(line.sha256))).st_size, line.sha256
                )
            )
    _write(host.path(work_dir + "/sources.list"), "deb [trusted=yes] file:{0}/repo ./\n".format(work_dir))
    # hooks of the host's own configuration (appstream, apt-file, …) are for its own indexes: this update runs
    # without it
    _write(host.path(work_dir + "/apt.conf"), 'Dir::Etc::Parts "/dev/null";\nDir::Etc::Main "/dev/null";\n')
    run = host.run(["apt-get", "-qq"] + options(work_dir) + ["update"], env={"APT_CONFIG": work_dir + "/apt.conf"})
    if run.rc != 0:
        raise Unknown("the private package index", (run.err or run.out).strip()[-500:], "look at {0}".format(work_dir))
    return stanzas


def _write(path, text):
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(text)


def _link(target, path):
    if os.path.islink(path):
        os.unlink(path)
    os.symlink(target, path)

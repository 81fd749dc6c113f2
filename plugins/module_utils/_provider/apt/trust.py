# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who signed an index: checked again with the tool that apt itself uses, gpgv or sqv."""

import os
import tempfile
from typing import List, NamedTuple, Optional

from ansible_collections.lockstep.patching.plugins.module_utils._parse import release
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host


class Verdict(NamedTuple):
    """keys: primary-key fingerprints whose signature is good (or, when signed is False, that the file claims)."""

    signed: bool
    keys: List[str]
    problem: Optional[str]


def verify(host: Host, path: str, signed_by: str) -> Verdict:
    """Verify an InRelease file, or a Release file with its .gpg beside it, with the keys that the source is bound to.

    path: the host's path; signed_by: the source's option (paths, fingerprints, a key block or empty for all of apt's).
    """
    detached = "" if path.endswith("_InRelease") else path + ".gpg"
    try:
        claimed = release.issuers(release.dearmor(host.read(detached or path)) or b"")
    except OSError as error:
        return Verdict(False, [], "its signature cannot be read: {0}".format(error.strerror))
    wanted = [word.rstrip("!").upper() for word in signed_by.replace(",", " ").split() if _is_fingerprint(word)]
    with tempfile.TemporaryDirectory(dir=host.path("/tmp"), prefix="lockstep-keys-") as folder:
        ring = os.path.join(folder, "ring.gpg")
        with open(ring, "wb") as stream:
            source = "" if wanted else signed_by
            stream.write(b"".join(_keys(host, _key_files(host, source), source)))
        inside = "/tmp/" + os.path.basename(folder)
        if host.which("sqv"):
            signature = (
                ["--signature-file", detached, path]
                if detached
                else ["--output", inside + "/plain", "--cleartext", path]
            )
            run = host.run(["sqv", "--keyring", inside + "/ring.gpg"] + signature, timeout=30)
            keys = [line.strip() for line in run.out.split("\n") if _is_fingerprint(line.strip())]
        elif host.which("gpgv"):
            run = host.run(
                ["gpgv", "--homedir", inside, "--status-fd", "1", "--keyring", inside + "/ring.gpg"]
                + ([detached] if detached else [])
                + [path],
                timeout=30,
            )
            keys = [line.split()[-1] for line in run.out.split("\n") if line.startswith("[GNUPG:] VALIDSIG ")]
            if "[GNUPG:] BADSIG" in run.out:
                keys = []
        else:
            return Verdict(False, claimed, "neither gpgv nor sqv is there to verify its signature")
    if wanted:
        keys = [key for key in keys if key in wanted]
    if keys:
        return Verdict(True, sorted(set(keys)), None)
    return Verdict(False, claimed, "no good signature of a key that apt trusts for it")


def _is_fingerprint(word):
    word = word.rstrip("!")
    return len(word) in (40, 64) and all(char in "0123456789abcdefABCDEF" for char in word)


def _key_files(host, signed_by):
    paths = [word for word in signed_by.replace(",", " ").split() if word.startswith("/")]
    if paths or "BEGIN PGP" in signed_by:
        return paths
    folder = "/etc/apt/trusted.gpg.d"
    try:
        names = sorted(os.listdir(host.path(folder)))
    except OSError:
        names = []
    return ["/etc/apt/trusted.gpg"] + [folder + "/" + name for name in names if name.endswith((".gpg", ".asc"))]


def _keys(host, files, signed_by):
    found = []
    for path in files:
        try:
            with open(host.path(path), "rb") as stream:
                data = stream.read(4 * 1024 * 1024)
        except OSError:
            continue
        if data.startswith(b"-----BEGIN"):
            data = release.dearmor(data.decode("utf-8", "replace")) or b""
        if data[8:12] != b"KBXf":  # apt does not take keyboxes either
            found.append(data)
    if "BEGIN PGP" in signed_by:
        # a key block inside a source stands indented, with " ." for its empty line
        block = "\n".join("" if line.strip() == "." else line.strip() for line in signed_by.split("\n"))
        found.append(release.dearmor(block) or b"")
    return found

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of dnf's repositories: an index each, told apart by id and name and never by URL."""

import os
import re
from typing import Any, Dict, List

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Index
from ansible_collections.lockstep.patching.plugins.module_utils._parse.openpgp import fingerprints
from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded
from ansible_collections.lockstep.patching.plugins.module_utils._parse.release import dearmor
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

KEY_LIMIT = 4 * 1024 * 1024
_SECRET = re.compile(r"://[^/@\s]+@")
_UNSIGNED = re.compile(r"gpg|signature|signing key", re.IGNORECASE)
_CACHE_ONLY = re.compile(r"cache-only|cacheonly|cache only", re.IGNORECASE)


def setting_files(host: Host) -> List[str]:
    """dnf.conf and the .repo files."""
    found = ["/etc/dnf/dnf.conf"]
    for folder in ("/etc/yum.repos.d", "/etc/dnf/repos.d"):
        try:
            names = sorted(os.listdir(host.path(folder)))
        except OSError:
            names = []
        found += [folder + "/" + name for name in names if name.endswith(".repo")]
    return found


def states(host: Host, answer: Dict[str, Any], max_age_s: int, now_ms: int) -> List[Index]:
    """Return the indexes of the repositories in ask.py's answer."""
    found = [_state(host, name, repo, answer, max_age_s, now_ms) for name, repo in answer["repos"].items()]
    return sorted(found, key=lambda index: index[:5])


def _state(host, name, repo, answer, max_age_s, now_ms):
    keys = sorted({each for url in repo["gpgkeys"] for each in _keys(host, url)})
    signed = repo["gpgcheck"] or repo["repo_gpgcheck"]
    fetched = None if repo["age"] is None else now_ms - repo["age"] * 1000
    dated = None if repo["revision"] is None else repo["revision"] * 1000
    index = Index(name, repo["name"] or name, "", "", "", keys, signed, dated, None, fetched, "ok", None)
    if repo["problem"]:
        text = bounded(_SECRET.sub("://", " ".join(repo["problem"].split())), 400)
        return index._replace(state=_kind(text, repo["failed_by"]), problem=text)
    if not signed:
        return index._replace(
            state="unsigned", problem="neither gpgcheck nor repo_gpgcheck is on: nothing says who made its packages"
        )
    if repo["age"] is not None and repo["age"] > max_age_s and not answer["fetched"]:
        return index._replace(state="stale", problem="it was fetched {0} hours ago".format(repo["age"] // 3600))
    return index


def _kind(text, failed_by):
    if failed_by == "cache" or _CACHE_ONLY.search(text):
        return "missing"
    return "unsigned" if _UNSIGNED.search(text) else "unreachable"


def _keys(host, url):
    """Fingerprints of a key on the host's own disk; one that lies elsewhere is not fetched here."""
    if not url.startswith("file://"):
        return []
    try:
        with open(host.path(url[len("file://") :]), "rb") as stream:
            data = stream.read(KEY_LIMIT)
    except OSError:
        return []
    if not data.startswith(b"-----BEGIN") and b"-----BEGIN PGP" not in data:
        return fingerprints(data)
    blocks = data.decode("utf-8", "replace").split("-----BEGIN PGP PUBLIC KEY BLOCK-----")[1:]
    found: List[str] = []
    for block in blocks:
        found += fingerprints(dearmor("-----BEGIN PGP PUBLIC KEY BLOCK-----" + block) or b"")
    return found

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Questions to dnf 4, as a script of its own: dnf's Python bindings belong to the platform's interpreter, which is
often not the one that Ansible runs.

It imports nothing of this collection; argv[1] is the question as JSON, the last line of the output is the answer.
"""

import json
import logging
import os
import shutil
import sys
import tempfile
from typing import Any, Dict, List

KINDS = {"security": "security", "bugfix": "bugfix", "enhancement": "enhancement", "newpackage": "enhancement"}
# the plugins that decide what may be installed; others change what is printed, or want dnf's own command line
PLUGINS = ("versionlock", "kpatch", "spacewalk", "rhnplugin", "subscription-manager")
SEVERITIES = ("critical", "important", "moderate", "low")


def base_of(question, cachedir=None):
    """A Base with the host's settings, repositories and plugins (versionlock excludes by them)."""
    import dnf
    import dnf.callback

    class Confirm(dnf.callback.KeyImport):
        """The keys that the admin has put on the host's own disk sign; others are asked for by a person."""

        def _confirm(self, id, userid, fingerprint, url, timestamp):
            return url.startswith("file://")

    base = dnf.Base()
    base.conf.read(priority=dnf.conf.PRIO_MAINCONFIG)
    base.conf.assumeyes = True
    # the cache of whoever is asked for: a look by another user has that user's own
    if cachedir:
        base.conf.cachedir = cachedir
    base.conf.substitutions.update_from_etc(base.conf.installroot, varsdir=base.conf.varsdir)
    release = dnf.rpm.detect_releasever(base.conf.installroot)
    if release:
        base.conf.releasever = release
    if question.get("plugins", True) and base.conf.plugins:
        base.init_plugins(["*"], list(PLUGINS))
        base.pre_configure_plugins()
    base.read_all_repos()
    if question.get("plugins", True) and base.conf.plugins:
        base.configure_plugins()
    for repo in base.repos.iter_enabled():
        repo._set_key_import(Confirm())
    return base


def load(base, strategy):
    """Load the enabled repositories; return {id: problem} of those that cannot be used. strategy: cache or fetch."""
    import dnf
    import dnf.repo

    class Noted(logging.Handler):
        """What each mirror answered is only logged."""

        def emit(self, record):
            mirrors.extend(line.strip(" -") for line in record.getMessage().splitlines()[1:])

    problems = {}
    mirrors: List[Any] = []
    logger = logging.getLogger("dnf")
    logger.addHandler(Noted(logging.WARNING))
    for repo in list(base.repos.iter_enabled()):
        del mirrors[:]
        try:
            if strategy == "cache":
                repo._repo.setSyncStrategy(dnf.repo.SYNC_ONLY_CACHE)
            else:
                repo._repo.expire()
            repo.load()
        except (dnf.exceptions.RepoError, RuntimeError) as error:
            problems[repo.id] = "; ".join([str(error)] + sorted(set(mirrors))[:3])
            repo.disable()
    return problems


def private_copy(cachedir):
    """A copy of the cache that costs no space: dnf replaces files, and writes only into its key rings."""
    copy = tempfile.mkdtemp(prefix=".lockstep-look-", dir=os.path.dirname(cachedir.rstrip("/")))
    for folder, _folders, files in os.walk(cachedir):
        inside = os.path.relpath(folder, cachedir)
        target = os.path.normpath(os.path.join(copy, inside))
        os.makedirs(target, 0o755, exist_ok=True)
        for name in files:
            source = os.path.join(folder, name)
            if name.endswith((".pid", ".rpm")) or not os.path.isfile(source):
                continue
            try:
                if "/pubring" in folder or name.endswith(".json"):
                    raise OSError
                os.link(source, os.path.join(target, name))
            except OSError:
                shutil.copy2(source, os.path.join(target, name))
    return copy


def look(question):
    """All that one look asks, with one load of the metadata."""
    import dnf
    import hawkey

    mode, copy, fetched = question["refresh"], None, False
    try:
        if mode == "auto":
            first = base_of(dict(question, plugins=False))
            problems = load(first, "cache")
            if problems or any(r._repo.getAge() > question["max_age_s"] for r in first.repos.iter_enabled()):
                copy = private_copy(first.conf.cachedir)
            first.close()
        base = base_of(question, copy)
        configured = [repo.id for repo in base.repos.iter_enabled()]
        fetched = mode == "always" or copy is not None
        problems = load(base, "fetch" if fetched else "cache")
        for repo in base.repos.iter_enabled():
            repo.skip_if_unavailable = True
        repos = {repo.id: repo_facts(repo) for repo in base.repos.all() if repo.id in configured}
        for name in problems:
            repos[name]["problem"] = problems[name]
            repos[name]["failed_by"] = "fetch" if fetched else "cache"
        base.fill_sack(load_system_repo=True)
        for name in repos:
            repos[name].setdefault("problem", None)
            if name not in problems and name not in [repo.id for repo in base.repos.iter_enabled()]:
                repos[name].update(problem="its metadata cannot be loaded", failed_by="fetch" if fetched else "cache")
        there = base.sack.query(flags=hawkey.IGNORE_EXCLUDES).installed()
        only = set(base._get_installonly_query(there))
        answer = {
            "repos": repos,
            "fetched": fetched,
            "installed": [installed(base, pkg, only) for pkg in there],
        }
        answer.update(upgrade(base, hawkey, repos))
        answer["version"] = dnf.VERSION
        base.close()
        return answer
    finally:
        if copy:
            shutil.rmtree(copy, ignore_errors=True)


def repo_facts(repo):
    """What identifies a repository, and since when its metadata is there (seconds)."""
    facts = {
        "name": repo.name, "gpgkeys": list(repo.gpgkey), "gpgcheck": bool(repo.gpgcheck),
        "repo_gpgcheck": bool(repo.repo_gpgcheck), "age": None, "revision": None, "advisories": False,
    }  # fmt: skip
    if repo.enabled and repo.metadata is not None:
        facts["age"] = int(repo._repo.getAge())
        facts["revision"] = int(repo._repo.getMaxTimestamp())
        facts["advisories"] = bool(repo._repo.getMetadataPath("updateinfo"))
    return facts


def evr(pkg):
    return pkg.evr[2:] if pkg.evr.startswith("0:") else pkg.evr


def source_of(pkg):
    """(source, its version): name-version-release.src.rpm; a source has no epoch of its own in there."""
    text = pkg.sourcerpm or ""
    for end in (".src.rpm", ".nosrc.rpm"):
        if text.endswith(end):
            text = text[: -len(end)]
    parts = text.rsplit("-", 2)
    return [parts[0], "-".join(parts[1:])] if len(parts) == 3 else [pkg.name, evr(pkg)]


def installed(base, pkg, only):
    source, source_version = source_of(pkg)
    return {
        "name": pkg.name, "arch": pkg.arch, "version": evr(pkg), "source": source, "source_version": source_version,
        "several": pkg in only,
        "auto": pkg.reason in ("dependency", "weak-dependency"), "installed": int(pkg.installtime),
        "size": int(pkg.installsize) // 1024,
    }  # fmt: skip


def upgrade(base, hawkey, repos):
    """What a full upgrade would do, what keeps the rest back, and what excludes hide."""
    import dnf
    from dnf.transaction import PKG_INSTALL, PKG_OBSOLETED, PKG_REMOVE, PKG_UPGRADE

    base.conf.best = False
    # excludes hide what is installed, too
    system = base.sack.query(flags=hawkey.IGNORE_EXCLUDES).installed()
    newest = {(pkg.name, pkg.arch): pkg for pkg in sorted(system)}
    only = set(base._get_installonly_query(system))
    rows, failed, reasons = [], None, []
    base.upgrade_all()
    try:
        base.resolve(allow_erasing=False)
        items = list(base.transaction or [])
        reasons = (
            [" ".join(rule) for rule in base._goal.problem_rules()] if hasattr(base._goal, "problem_rules") else []
        )
    except dnf.exceptions.DepsolveError as error:
        items, failed = [], str(error)
    coming = list(base._goal.list_installs()) + list(base._goal.list_upgrades()) if items else []
    replaced = {old: pkg for pkg in coming for old in base._goal.obsoleted_by_package(pkg) if old.name != pkg.name}
    taken = set()
    for item in items:
        key = (item.pkg.name, item.pkg.arch)
        if item.action in (PKG_INSTALL, PKG_UPGRADE):
            before = newest.get(key)
            if before is None:
                before = next(
                    (pkg for (name, _arch), pkg in newest.items() if name == key[0] and item.action == PKG_UPGRADE),
                    None,
                )
            rows.append(candidate(base, hawkey, item.pkg, before, repos, None))
            taken.add(key)
        elif item.action in (PKG_OBSOLETED, PKG_REMOVE) and item.pkg not in only:
            rows.append(removal(item.pkg, replaced.get(item.pkg)))
    # what excludes and modules hide is not among the upgrades that dnf knows of
    everything = base.sack.query(flags=hawkey.IGNORE_EXCLUDES).available().filter(name=sorted({k[0] for k in newest}))
    best: Dict[Any, Any] = {}
    for pkg in everything:
        key = (pkg.name, pkg.arch)
        if key in newest and pkg.evr_gt(best.get(key, newest[key])):
            best[key] = pkg
    visible = set(base.sack.query().available().filter(name=sorted({k[0] for k in best})))
    leaving = {row["name"] for row in rows if row["action"] == "remove"}
    for key, pkg in sorted(best.items()):
        if key in taken or pkg.name in leaving:
            continue
        why = "blocked" if pkg in visible else "excluded"
        row = candidate(base, hawkey, pkg, newest[key], repos, why)
        row["rules"] = [text for text in reasons if pkg.name in text][:3]
        rows.append(row)
    return {"candidates": rows, "failed": failed}


def candidate(base, hawkey, pkg, before, repos, kept):
    source, source_version = source_of(pkg)
    kind, digest = pkg.chksum if pkg.chksum else (None, b"")
    return {
        "name": pkg.name, "arch": pkg.arch, "version": evr(pkg), "installed": evr(before) if before else None,
        "action": "upgrade" if before else "install", "source": source, "source_version": source_version,
        "repo": pkg.reponame, "size": int(pkg.downloadsize), "kept": kept, "filename": pkg.location,
        "sha256": digest.hex() if kind == hawkey.CHKSUM_SHA256 else None,
        "advisories": advisories(base.sack, hawkey, pkg, before) if repos[pkg.reponame]["advisories"] else None,
    }  # fmt: skip


def removal(pkg, by):
    # what another package obsoletes goes with it, and is told as part of its source
    source, source_version = source_of(by or pkg)
    return {
        "name": pkg.name, "arch": pkg.arch, "version": None, "installed": evr(pkg), "action": "remove",
        "source": source, "source_version": source_version, "repo": None, "size": None, "kept": None, "filename": None,
        "sha256": None, "advisories": None,
    }  # fmt: skip


def advisories(sack, hawkey, pkg, before):
    """Advisories that name the candidate, or a version between the installed one and it."""
    words = {
        hawkey.ADVISORY_SECURITY: "security", hawkey.ADVISORY_BUGFIX: "bugfix",
        hawkey.ADVISORY_ENHANCEMENT: "enhancement", hawkey.ADVISORY_NEWPACKAGE: "newpackage",
    }  # fmt: skip
    found = {}
    for each in (before.get_advisories(hawkey.GT) if before else []) + pkg.get_advisories(hawkey.EQ):
        named = [one for one in each.packages if one.name == pkg.name and one.arch == pkg.arch]
        if not any(sack.evr_cmp(one.evr, pkg.evr) <= 0 for one in named):
            continue
        severity = (each.severity or "").lower()
        found[each.id] = {
            "id": each.id, "type": KINDS.get(words.get(each.type) or "", "unclassified"),
            "severity": severity if severity in SEVERITIES else None,
            "cves": sorted({one.id for one in each.references if one.type == hawkey.REFERENCE_CVE and one.id}),
            "issued_ms": int(each.updated.timestamp() * 1000) if each.updated else None,
        }  # fmt: skip
    return [found[name] for name in sorted(found)]


def wanted(base, hawkey, question):
    """{(name, arch, version): package} of what the repositories have of the wanted ones."""
    names = sorted({name for name, _arch, _version in question["wanted"]})
    asked = {tuple(each) for each in question["wanted"]}
    # a plan may name what the host's own excludes hide by now; whether it is taken is decided elsewhere
    query = base.sack.query(flags=hawkey.IGNORE_EXCLUDES).available().filter(name=names)
    return {(pkg.name, pkg.arch, evr(pkg)): pkg for pkg in query if (pkg.name, pkg.arch, evr(pkg)) in asked}


def offered(question):
    """What is offered of the wanted versions, from the indexes as they are."""
    import hawkey

    base = base_of(dict(question, plugins=False))
    load(base, "cache")
    base.fill_sack(load_system_repo=False)
    found = []
    for key, pkg in wanted(base, hawkey, question).items():
        kind, digest = pkg.chksum if pkg.chksum else (None, b"")
        if kind == hawkey.CHKSUM_SHA256:
            found.append([list(key), digest.hex(), int(pkg.downloadsize)])
    return {"offered": found}


def refresh(question):
    """Fetch the system's own indexes; return what went wrong."""
    base = base_of(dict(question, plugins=False))
    problems = load(base, "fetch")
    return {"problem": "; ".join("{0}: {1}".format(name, problems[name]) for name in sorted(problems))}


def download(question):
    """Fetch the wanted packages into a folder, and verify who signed them."""
    import dnf
    import hawkey

    base = base_of(dict(question, plugins=False))
    load(base, "cache")
    base.fill_sack(load_system_repo=False)
    base.conf.destdir = question["folder"]
    came, said = [], []
    found = wanted(base, hawkey, question)
    try:
        base.download_packages(list(found.values()))
    except dnf.exceptions.DownloadError as error:
        said.append(str(error))
    for key, pkg in found.items():
        path = pkg.localPkg()
        if not os.path.isfile(path):
            continue
        result, why = base.package_signature_check(pkg)
        if result == 1 and all(url.startswith("file://") for url in base.repos[pkg.reponame].gpgkey):
            try:
                # what dnf -y does with the keys that the admin has put on the host's own disk
                base.package_import_key(pkg)
                result = 0
            except (dnf.exceptions.Error, ValueError) as error:
                why = str(error)
        if result:
            said.append("{0}: {1}".format(pkg, why or "its signature is not good"))
            os.unlink(path)
        else:
            came.append([list(key), path])
    return {"came": came, "said": said}


def main():
    question = json.loads(sys.argv[1])
    # whatever a plugin prints is not part of the answer
    answer, real = {}, os.dup(1)
    os.dup2(2, 1)
    try:
        answer = {"look": look, "offered": offered, "refresh": refresh, "download": download}[question["ask"]](question)
    except Exception as error:
        answer = {"error": "{0}: {1}".format(type(error).__name__, error)}
    with os.fdopen(real, "w") as out:
        out.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()

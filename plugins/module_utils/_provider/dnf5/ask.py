# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Questions to dnf 5, as a script of its own: libdnf5's Python bindings belong to the system's interpreter.

It imports nothing of this collection; argv[1] is the question as JSON, the last line of the output is the answer, in
the shape of that of dnf 4's script.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from typing import Any, Dict, List

KINDS = {"security": "security", "bugfix": "bugfix", "enhancement": "enhancement", "newpackage": "enhancement"}
KEPT: List[Any] = []
"""What the library calls back must live as long as it does."""
SEVERITIES = ("critical", "important", "moderate", "low")


def base_of(cachedir=None, excludes=True):
    """A Base with the host's settings and repositories, and no plugin."""
    import libdnf5

    class Confirm(libdnf5.repo.RepoCallbacks2_1):
        """The keys that the admin has put on the host's own disk sign; others are asked for by a person."""

        def repokey_import(self, key_info):
            return key_info.get_url().startswith("file://")

    base = libdnf5.base.Base()
    base.load_config()
    conf = base.get_config()
    conf.assumeyes = True
    conf.plugins = False
    if not excludes:
        conf.disable_excludes = ("*",)
    conf.optional_metadata_types = ("comps", "updateinfo")
    if cachedir:
        conf.cachedir = conf.system_cachedir = cachedir
    base.setup()
    base.get_repo_sack().create_repos_from_system_configuration()
    repos = enabled(base)
    for repo in repos:
        callbacks = Confirm()
        KEPT.append(callbacks)
        repo.set_callbacks(libdnf5.repo.RepoCallbacksUniquePtr(callbacks))
        callbacks.thisown = False
    return base, repos


def enabled(base):
    import libdnf5

    query = libdnf5.repo.RepoQuery(base)
    query.filter_enabled(True)
    query.filter_type(libdnf5.repo.Repo.Type_AVAILABLE)
    return list(query)


def load(base, repos, strategy, system=True):
    """Load the repositories; return {id: problem} of those that cannot be used. strategy: cache or fetch."""
    import libdnf5

    for repo in repos:
        # what cannot be loaded is left out, and told
        repo.get_config().skip_if_unavailable = True
        if strategy == "cache":
            repo.set_sync_strategy(libdnf5.repo.Repo.SyncStrategy_ONLY_CACHE)
        else:
            repo.expire()
    begun = time.time()
    # once only, says the library
    if system:
        base.get_repo_sack().load_repos()
    else:
        base.get_repo_sack().load_repos(libdnf5.repo.Repo.Type_AVAILABLE)
    loaded = {repo.get_id() for repo in enabled(base)}
    problems = {}
    for repo in repos:
        name = repo.get_id()
        # what could not be fetched is loaded as it was before, without a word
        kept = strategy == "fetch" and name in loaded and repo.get_age() > time.time() - begun + 2
        if name not in loaded or kept:
            problems[name] = why_not(repo) if strategy == "fetch" else "no metadata in the cache (cache-only)"
            if kept:
                repo.disable()
    return problems


def why_not(repo):
    """Why a repository could not be loaded: the library only logs that, without the reason."""
    import libdnf5

    folder = tempfile.mkdtemp(prefix="lockstep-dnf5-")
    try:
        repo.download_metadata(folder)
        return "its metadata cannot be loaded"
    except libdnf5.exception.Error as error:
        return " ".join(str(error).split())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def query_of(base):
    import libdnf5

    return libdnf5.rpm.PackageQuery(base)


def unhidden(base, repos, cachedir):
    """A Base in which queries find what excludes and version locks hide (from installed packages, too); the same one
    where nothing does. What module streams hide stays hidden."""
    confs = [base.get_config()] + [repo.get_config() for repo in repos]
    if not locks(base) and not any(list(conf.excludepkgs) + list(conf.includepkgs) for conf in confs):
        return base
    other, repos = base_of(cachedir, excludes=False)
    load(other, repos, "cache")
    other.get_rpm_package_sack().clear_versionlock_excludes()
    return other


def locks(base):
    """[[name, comparator, version]] of /etc/dnf/versionlock.toml; a condition of another kind has no version."""
    found = []
    for each in base.get_rpm_package_sack().get_versionlock_config().get_packages():
        for condition in each.get_conditions():
            known = condition.get_key_str() in ("evr", "version")
            found.append([each.get_name(), condition.get_comparator_str(), condition.get_value() if known else ""])
    return found


def look(question):
    """All that one look asks, with one load of the metadata."""
    mode, copy = question["refresh"], None
    try:
        if mode == "auto":
            first, repos = base_of()
            stale = load(first, repos, "cache", system=False)
            if stale or any(repo.get_age() > question["max_age_s"] for repo in repos):
                cachedir = str(first.get_config().cachedir)
                copy = tempfile.mkdtemp(prefix=".lockstep-look-", dir=os.path.dirname(cachedir.rstrip("/")))
                if os.path.isdir(cachedir):
                    shutil.rmtree(copy)
                    # in hard links, which cost no space: dnf replaces files, and writes only into its key rings
                    shutil.copytree(cachedir, copy, copy_function=linked, ignore=shutil.ignore_patterns("*.rpm", "S.*"))
            del repos, first
        base, repos = base_of(copy)
        fetched = mode == "always" or copy is not None
        problems = load(base, repos, "fetch" if fetched else "cache")
        facts = {}
        for repo in repos:
            name = repo.get_id()
            facts[name] = repo_facts(repo, name not in problems)
            facts[name]["problem"] = problems.get(name)
            facts[name]["failed_by"] = "fetch" if fetched else "cache"
        # before anything is unhidden: what the host's own settings let it do
        plan = resolved(base)
        locked = locks(base)
        usable = [repo for repo in repos if repo.get_id() not in problems]
        whole = unhidden(base, usable, copy)
        there = query_of(whole)
        there.filter_installed()
        only = query_of(whole)
        only.filter_installed()
        only.filter_installonly()
        several = {pkg.get_nevra() for pkg in only}
        answer = {"repos": facts, "fetched": fetched, "installed": [installed(pkg, several) for pkg in there]}
        answer["locks"] = locked
        answer.update(upgrade(whole, facts, several, plan))
        answer["version"] = version()
        return answer
    finally:
        if copy:
            shutil.rmtree(copy, ignore_errors=True)


def version():
    """The version of the bindings, from their own record (libdnf5 has no question for it)."""
    from importlib import metadata

    return metadata.version("libdnf5")


def linked(source, target):
    if "pubring" in source or source.endswith(".json") or os.path.basename(source).startswith("."):
        shutil.copy2(source, target)
    else:
        os.link(source, target)


def repo_facts(repo, loaded):
    """What identifies a repository, and since when its metadata is there (seconds)."""
    conf = repo.get_config()
    facts = {
        "name": repo.get_name(), "gpgkeys": list(conf.gpgkey), "gpgcheck": bool(conf.pkg_gpgcheck),
        "repo_gpgcheck": bool(conf.repo_gpgcheck), "age": None, "revision": None, "advisories": False,
    }  # fmt: skip
    if loaded:
        facts["age"] = int(repo.get_age())
        facts["revision"] = int(repo.get_max_timestamp())
        facts["advisories"] = bool(repo.get_metadata_path("updateinfo"))
    return facts


def evr(pkg):
    text = pkg.get_evr()
    return text[2:] if text.startswith("0:") else text


def compare(left, right):
    """rpm's order of two [epoch:]version-release."""
    import libdnf5

    mine, others = parted(left), parted(right)
    found = [libdnf5.rpm.rpmvercmp(mine[at], others[at]) for at in range(3)]
    return next((each for each in found if each), 0)


def parted(text):
    epoch, _colon, rest = text.rpartition(":")
    version, _dash, release = rest.rpartition("-")
    return epoch or "0", version, release


def source_of(pkg):
    """(source, its version): name-version-release.src.rpm; a source has no epoch of its own in there."""
    parts = (pkg.get_sourcerpm() or "").rsplit(".", 2)[0].rsplit("-", 2)
    return [parts[0], "-".join(parts[1:])] if len(parts) == 3 else [pkg.get_name(), evr(pkg)]


def installed(pkg, several):
    import libdnf5

    source, source_version = source_of(pkg)
    reasons = (libdnf5.transaction.TransactionItemReason_DEPENDENCY, WEAK())
    return {
        "name": pkg.get_name(), "arch": pkg.get_arch(), "version": evr(pkg), "source": source,
        "source_version": source_version, "several": pkg.get_nevra() in several, "auto": pkg.get_reason() in reasons,
        "installed": int(pkg.get_install_time()), "size": int(pkg.get_install_size()) // 1024,
    }  # fmt: skip


def WEAK():
    import libdnf5

    return libdnf5.transaction.TransactionItemReason_WEAK_DEPENDENCY


def key_of(pkg):
    return pkg.get_name(), pkg.get_arch()


def resolved(base):
    """(the simulated full upgrade, NEVRAs that the host's own settings show)."""
    import libdnf5

    base.get_config().best = False
    goal = libdnf5.base.Goal(base)
    goal.add_rpm_upgrade()
    done = goal.resolve()
    seen = query_of(base)
    seen.filter_available()
    return done, {pkg.get_nevra() for pkg in seen}


def upgrade(base, facts, several, plan):
    """What a full upgrade would do, what keeps the rest back, and what excludes hide."""
    import libdnf5

    words = libdnf5.transaction
    done, visible = plan
    system = query_of(base)
    system.filter_installed()
    newest = {}
    for pkg in sorted(system):
        newest[key_of(pkg)] = pkg
    items = list(done.get_transaction_packages())
    reasons = [" ".join(text.split()) for text in done.get_resolve_logs_as_strings()]
    failed = None if items or done.get_problems() == libdnf5.base.GoalProblem_NO_PROBLEM else "; ".join(reasons)
    rows, taken = [], set()
    coming = {key_of(item.get_package()) for item in items if item.get_action() in ARRIVES()}
    replaced = {}
    for item in items:
        for old in item.get_replaces():
            if old.get_name() != item.get_package().get_name():
                replaced[old.get_nevra()] = item.get_package()
    for item in items:
        pkg, action = item.get_package(), item.get_action()
        if action in ARRIVES():
            before = newest.get(key_of(pkg))
            if before is None and action == words.TransactionItemAction_UPGRADE:
                before = next((each for (name, _arch), each in newest.items() if name == pkg.get_name()), None)
            rows.append(candidate(base, pkg, before, facts, None))
            taken.add(key_of(pkg))
        elif action in GOES() and key_of(pkg) not in coming and pkg.get_nevra() not in several:
            rows.append(removal(pkg, replaced.get(pkg.get_nevra())))
    # what excludes and modules hide is not among the upgrades that dnf knows of
    names = sorted({name for name, _arch in newest})
    everything = query_of(base)
    everything.filter_available()
    everything.filter_name(names)
    best: Dict[Any, Any] = {}
    for pkg in everything:
        have = best.get(key_of(pkg), newest.get(key_of(pkg)))
        if have is not None and compare(pkg.get_evr(), have.get_evr()) > 0:
            best[key_of(pkg)] = pkg
    leaving = {row["name"] for row in rows if row["action"] == "remove"}
    for key in sorted(best):
        pkg = best[key]
        if key not in taken and pkg.get_name() not in leaving:
            why = "blocked" if pkg.get_nevra() in visible else "excluded"
            row = candidate(base, pkg, newest[key], facts, why)
            row["rules"] = [text for text in reasons if pkg.get_name() in text][:3]
            rows.append(row)
    return {"candidates": rows, "failed": failed}


def ARRIVES():
    import libdnf5

    words = libdnf5.transaction
    return words.TransactionItemAction_INSTALL, words.TransactionItemAction_UPGRADE


def GOES():
    import libdnf5

    words = libdnf5.transaction
    return words.TransactionItemAction_REMOVE, words.TransactionItemAction_REPLACED


def checksum(pkg):
    """The SHA-256 that the index names, or None where it names another kind."""
    import libdnf5

    found = pkg.get_checksum()
    return found.get_checksum() if found.get_type() == libdnf5.rpm.Checksum.Type_SHA256 else None


def candidate(base, pkg, before, facts, kept):
    source, source_version = source_of(pkg)
    return {
        "name": pkg.get_name(), "arch": pkg.get_arch(), "version": evr(pkg),
        "installed": evr(before) if before is not None else None,
        "action": "upgrade" if before is not None else "install", "source": source, "source_version": source_version,
        "repo": pkg.get_repo_id(), "size": int(pkg.get_download_size()), "kept": kept, "filename": pkg.get_location(),
        "sha256": checksum(pkg),
        "advisories": advisories(base, pkg, before) if facts[pkg.get_repo_id()]["advisories"] else None,
    }  # fmt: skip


def removal(pkg, by):
    # what another package obsoletes goes with it, and is told as part of its source
    source, source_version = source_of(pkg if by is None else by)
    return {
        "name": pkg.get_name(), "arch": pkg.get_arch(), "version": None, "installed": evr(pkg), "action": "remove",
        "source": source, "source_version": source_version, "repo": None, "size": None, "kept": None, "filename": None,
        "sha256": None, "advisories": None,
    }  # fmt: skip


_NAMED: Dict[str, Dict[Any, Any]] = {}


def named(base):
    """{(name, arch): [(version, advisory)]}, read once."""
    import libdnf5

    if "all" not in _NAMED:
        _NAMED["all"] = {}
        for advisory in libdnf5.advisory.AdvisoryQuery(base):
            for collection in advisory.get_collections():
                for one in collection.get_packages():
                    _NAMED["all"].setdefault((one.get_name(), one.get_arch()), []).append((one.get_evr(), advisory))
    return _NAMED["all"]


def advisories(base, pkg, before):
    """Advisories that name the candidate, or a version between the installed one and it."""
    found = {}
    for version, each in named(base).get(key_of(pkg), []):
        if compare(version, pkg.get_evr()) > 0:
            continue
        if before is not None and compare(version, before.get_evr()) <= 0:
            continue
        severity = (each.get_severity() or "").lower()
        cves = {one.get_id() for one in each.get_references() if one.get_type() == "cve" and one.get_id()}
        built = int(each.get_buildtime())
        found[each.get_name()] = {
            "id": each.get_name(), "type": KINDS.get(each.get_type() or "", "unclassified"),
            "severity": severity if severity in SEVERITIES else None, "cves": sorted(cves),
            "issued_ms": built * 1000 if built > 0 else None,
        }  # fmt: skip
    return [found[name] for name in sorted(found)]


def main():
    question = json.loads(sys.argv[1])
    # whatever else is printed is not part of the answer
    answer, real = {}, os.dup(1)
    os.dup2(2, 1)
    try:
        answer = {"look": look}[question["ask"]](question)
    except ImportError:
        answer = {"error": "its Python bindings are not there: install python3-libdnf5"}
    except Exception as error:
        answer = {"error": "{0}: {1}".format(type(error).__name__, error)}
    with os.fdopen(real, "w") as out:
        out.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes by dnf 4, as a script of its own beside ask.py: from given package files only, simulated or for real.

argv[1] is the question as JSON; the output is a log for people, and its last line the answer.
"""

import json
import os
import re
import sys


def prepared():
    """A Base that knows what is installed, and no repository, exclude or plugin."""
    import dnf

    base = dnf.Base()
    base.conf.read(priority=dnf.conf.PRIO_MAINCONFIG)
    base.conf.assumeyes = True
    base.conf.disable_excludes = ["all"]
    base.conf.best = True
    base.conf.obsoletes = True
    base.conf.clean_requirements_on_remove = False
    release = dnf.rpm.detect_releasever(base.conf.installroot)
    if release:
        base.conf.releasever = release
    base.fill_sack(load_system_repo=True, load_available_repos=False)
    return base


def evr(pkg):
    return pkg.evr[2:] if pkg.evr.startswith("0:") else pkg.evr


def snapshot(_question):
    """What is installed: [{name, arch, version, auto, size (KiB), installed (seconds), related (names),
    several (may be there in several versions)}]."""
    base = prepared()
    rows, there = [], base.sack.query().installed()
    only = set(base._get_installonly_query(there))
    for pkg in there:
        related = sorted({_name(each) for each in list(pkg.requires) + list(pkg.conflicts)} - {""})
        row = {"name": pkg.name, "arch": pkg.arch, "version": evr(pkg), "auto": pkg.reason.endswith("dependency")}
        row.update(
            size=int(pkg.installsize) // 1024, installed=int(pkg.installtime), related=related, several=pkg in only
        )
        rows.append(row)
    return {"installed": rows}


def _name(reldep):
    """The name in a relation to a package; relations to files and sonames name none."""
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9+._-]*(?= |$)", str(reldep))
    return found.group(0) if found else ""


def change(question):
    """Resolve, and carry it out with commit. files: paths; removals: may anything go? back: older versions may come,
    and remove: [[name, arch]] goes."""
    import dnf

    base = prepared()
    # dnf wants to know of every package at once, before any is asked for
    given = base.add_remote_rpms(list(question["files"]), strict=True)
    back = bool(question.get("back"))
    only = set(base._get_installonly_query(base.sack.query().installed()))
    new = []
    for pkg in given:
        there = list(base.sack.query().installed().filter(name=pkg.name, arch=pkg.arch))
        same = [each for each in there if each.evr == pkg.evr]
        newer = [each for each in there if each.evr_gt(pkg)]
        if back and same and newer:
            for each in newer:  # an older kernel is there still
                base.package_remove(each)
        elif back and newer:
            base.package_downgrade(pkg, strict=True)
        elif same:
            base.package_reinstall(pkg)
            for each in there:
                if each.evr != pkg.evr and each not in only:
                    base.package_remove(each)
        elif there and not any(each in only for each in there):
            base.package_upgrade(pkg)
        else:
            if not base.sack.query().installed().filter(name=pkg.name):
                new.append((pkg.name, pkg.arch))
                if not back and not base.sack.query().installed().filter(provides=list(pkg.obsoletes)):
                    continue  # it is there for upgrades that need it
            base.package_install(pkg)
    for name, arch in question.get("remove", []):
        for each in base.sack.query().installed().filter(name=name, arch=arch):
            base.package_remove(each)
    try:
        base.resolve(allow_erasing=bool(question["removals"]))
    except dnf.exceptions.Error as error:
        return {"rc": 1, "steps": [], "reasons": [line.strip() for line in str(error).splitlines() if line.strip()]}
    steps = steps_of(base, only)
    if back:
        made = {(step[1], step[2]) for step in steps}
        for pkg in given:
            newest = max(base.sack.query().installed().filter(name=pkg.name, arch=pkg.arch) or [pkg])
            if (pkg.name, pkg.arch) not in made and newest.evr_gt(pkg):
                steps.append(["downgrade", pkg.name, pkg.arch, evr(newest), evr(pkg)])
    if not question["removals"] and any(step[0] == "remove" for step in steps):
        return {"rc": 1, "steps": steps, "reasons": ["it would remove packages, which the plan does not"]}
    if not question["commit"]:
        return {"rc": 0, "steps": steps, "reasons": []}
    # what comes back keeps the mark that never lets it be removed by itself
    return commit(base, steps, [] if back else new)


def steps_of(base, only):
    """[[action, name, arch, version before, version after]]; what a new kernel pushes out is none."""
    # the goal's own lists: the items of dnf's transaction lose their package where one is removed by name
    goal, have = base._goal, {}
    for pkg in sorted(base.sack.query().installed()):
        have[(pkg.name, pkg.arch)] = evr(pkg)
    by_name = {name: version for (name, _arch), version in have.items()}
    found = []
    for action, listed in (
        ("upgrade", goal.list_upgrades()),
        ("downgrade", goal.list_downgrades()),
        ("reinstall", goal.list_reinstalls()),
        ("install", goal.list_installs()),
    ):
        for pkg in listed:
            before = have.get((pkg.name, pkg.arch))
            if before is None and action != "install":
                before = by_name.get(pkg.name)
            # a kernel is installed beside the older one, and is its newer version all the same
            said = "upgrade" if action == "install" and before is not None else action
            found.append([said, pkg.name, pkg.arch, before, evr(pkg)])
    coming = {(step[1], step[2]) for step in found}
    for pkg in list(goal.list_erasures()) + list(goal.list_obsoleted()):
        if pkg not in only and (pkg.name, pkg.arch) not in coming:
            found.append(["remove", pkg.name, pkg.arch, evr(pkg), None])
    return sorted(found, key=lambda step: step[:3])


def commit(base, steps, new):
    """Run the transaction; scripts that fail are said in the log and in the answer."""
    import dnf
    import libdnf.transaction
    import rpm
    from dnf.transaction import ACTIONS
    from dnf.yum import rpmtrans

    failed = []

    class Display(rpmtrans.TransactionDisplay):
        def progress(self, package, action, ti_done, ti_total, ts_done, ts_total):
            if ti_done == ti_total:
                say("{0} {1} ({2} of {3})".format(ACTIONS.get(action, "done"), package, ts_done, ts_total))

        def scriptout(self, msgs):
            if msgs:
                text = msgs.decode("utf-8", "replace") if isinstance(msgs, bytes) else str(msgs)
                say(text.rstrip("\n"))

        def error(self, message):
            say("Error: {0}".format(message))

    plain = rpmtrans.RPMTransaction

    class Watched(plain):  # type: ignore[valid-type, misc]
        def _scriptError(self, amount, total, key):
            tag = rpm.tagnames.get(amount, str(amount)).lower()
            failed.append([str(getattr(key, "name", key)), tag])
            plain._scriptError(self, amount, total, key)

    # dnf makes its own callback object, which only warns of scripts that fail
    rpmtrans.RPMTransaction = Watched
    replacing = {pkg.name for pkg in base._goal.list_installs() if base._goal.obsoleted_by_package(pkg)}
    for item in base.transaction:
        if (item.name, item.arch) in new and item.name not in replacing:
            # it comes because an upgrade needs it
            item.reason = libdnf.transaction.TransactionItemReason_DEPENDENCY
    rc, reasons = 0, []
    try:
        base.do_transaction(display=[Display()])
    except (dnf.exceptions.Error, RuntimeError) as error:
        rc = 1
        reasons = [line.strip() for line in str(error).splitlines() if line.strip()]
        for line in reasons:
            say("Error: " + line)
    finally:
        rpmtrans.RPMTransaction = plain
    if failed:
        rc = rc or 1
    return {"rc": rc, "steps": steps, "reasons": reasons, "failed": failed}


def say(text):
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main():
    question = json.loads(sys.argv[1])
    real = os.dup(1)
    os.dup2(2, 1)  # whatever else is printed is part of the log
    try:
        answer = {"snapshot": snapshot, "change": change}[question["ask"]](question)
    except Exception as error:
        answer = {"error": "{0}: {1}".format(type(error).__name__, error)}
    with os.fdopen(real, "w") as out:
        out.write(json.dumps(answer) + "\n")
    return answer.get("rc", 1 if "error" in answer else 0)


if __name__ == "__main__":
    raise SystemExit(main())

# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module host_state on real hosts of the lab, by itself: without the action that keeps its answers."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet import BIN, CHECKOUT, Lab

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest, unpack
from ansible_collections.lockstep.patching.plugins.module_utils._parse.apt_output import parse_simulation

HOSTS = {"old": "bullseye", "now": "bookworm", "new": "trixie"}


class Seen(dict):
    """A module's return with its sections unpacked: `seen.sections`."""

    @property
    def sections(self) -> dict[str, Any]:
        return unpack(self["sections_zb64"])


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(f"hs-{os.getpid()}") as made:
        made.up(HOSTS)
        yield made


@pytest.fixture(scope="module")
def look(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Seen]:
    """Runs the module on a host through Ansible, from a collection that has no action plugins."""
    folder = tmp_path_factory.mktemp("collections")
    plugins = folder / "ansible_collections" / "lockstep" / "patching" / "plugins"
    plugins.mkdir(parents=True)
    for name in ("module_utils", "modules"):
        (plugins / name).symlink_to(CHECKOUT / "plugins" / name)

    def run(host: str, where: Lab = lab, **arguments: Any) -> Seen:
        out = folder / "out.json"
        save = {"content": "{{ seen | to_json }}", "dest": str(out)}
        tasks = [
            {"lockstep.patching.host_state": arguments, "register": "seen"},
            {"ansible.builtin.copy": save, "delegate_to": "localhost"},
        ]
        play = folder / "play.yml"
        play.write_text(json.dumps([{"hosts": host, "gather_facts": False, "tasks": tasks}]))
        done = subprocess.run(
            [str(BIN / "ansible-playbook"), "-i", where.inventory, str(play)],
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder), "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return Seen(json.loads(out.read_text()))

    return run


@pytest.fixture
def mended(lab: Lab) -> Iterator[Lab]:
    """The lab; whatever the test does to its repository is mended afterwards."""
    yield lab
    lab.repo.set_valid_until(None)
    lab.repo.set_faults()
    lab.repo.serve()
    lab.repo.republish()
    lab.refresh()


def steps(lab: Lab, host: str) -> set[tuple[str, str, str | None, str | None]]:
    out = lab.host(host).run(["env", "LC_ALL=C", "apt-get", "-s", "full-upgrade"]).stdout
    return {(row.action, row.name, row.installed, row.version) for row in parse_simulation(out).actions}


def ours(seen: Seen) -> set[tuple[str, str, str | None, str | None]]:
    rows = seen.sections["candidates"]
    assert isinstance(rows, list), rows
    return {(row["action"], row["name"], row["installed"], row["version"]) for row in rows if row["kept_back"] is None}


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_candidates_are_the_simulated_upgrade(lab: Lab, look: Callable[..., Seen], host: str) -> None:
    seen = look(host)
    assert steps(lab, host) == ours(seen) != set()
    assert seen["answer"]["pending"] == len(steps(lab, host))
    for row in seen.sections["candidates"]:
        assert row["sha256"] == lab.repo.sha256(row["name"], row["version"])
        assert row["security"] == any(origin["label"] == "Lockstep-Lab-Security" for origin in row["origins"])
    assert 0 < seen["answer"]["security"] <= seen["answer"]["pending"]


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_everything_is_known_on_a_healthy_host(lab: Lab, look: Callable[..., Seen], host: str) -> None:
    seen = look(host)
    assert seen["answer"]["unknown"] == []
    assert seen["changed"] is False
    assert {index["state"] for index in seen.sections["indexes"]} == {"ok"}
    assert all(index["keys"] and index["signed"] for index in seen.sections["indexes"])
    status = lab.host(host).run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version} ${source:Package}\n"]
    )
    wanted = {line for line in status.stdout.splitlines() if line.startswith("installed")}
    assert wanted == {f"installed {p['name']} {p['version']} {p['source']}" for p in seen.sections["packages"]}
    auto = set(lab.host(host).run(["apt-mark", "showauto"]).stdout.split())
    assert auto == {p["name"] for p in seen.sections["packages"] if p["auto"]}
    assert seen.sections["boot"]["boot_id"] == lab.host(host).boot_id()
    assert seen.sections["boot"]["kernel"] == "not_applicable"
    assert {"proto": "tcp", "address": "0.0.0.0", "port": 22, "process": "sshd"} in seen.sections["health"]["ports"]
    assert "ssh.service" in {unit["name"] for unit in seen.sections["health"]["units"]}


def test_answer_is_small_and_only_changes_are_sent(look: Callable[..., Seen]) -> None:
    first = look("now", refresh="never")
    assert {name: digest(content) for name, content in first.sections.items()} == first["digests"]
    small = {key: value for key, value in first.items() if key != "sections_zb64"}
    assert len(json.dumps(small)) <= 8192
    again = look("now", refresh="never", known=first["digests"])
    assert again["digests"].keys() == first["digests"].keys()
    assert not {"os", "packages", "candidates", "indexes", "holds", "platform", "history"} & set(again.sections)
    assert set(again.sections) == {
        name for name in again["digests"] if again["digests"][name] != first["digests"][name]
    }


def test_hosts_of_one_release_are_one_platform(look: Callable[..., Seen]) -> None:
    ids = {host: look(host, sections=["platform"])["platform"] for host in HOSTS}
    assert ids["now"].startswith("debian-12-amd64-") and len(set(ids.values())) == 3


def blind(seen: Seen, state: str) -> None:
    """Assert that an index in this state makes the candidates unknown, and never 0."""
    assert seen["answer"]["pending"] is None and seen["answer"]["security"] is None
    assert "unknown" in seen.sections["candidates"]
    assert state in {index["state"] for index in seen.sections["indexes"]}, seen.sections["indexes"]
    note = next(row for row in seen["answer"]["unknown"] if row["what"] == "candidates")
    assert state in note["why"] and note["next"]


def test_stale_index_is_unknown(look: Callable[..., Seen]) -> None:
    blind(look("now", refresh="never", max_index_age=0), "stale")


@pytest.mark.parametrize("refresh", ["auto", "always"])
def test_unreachable_mirror_is_unknown(mended: Lab, look: Callable[..., Seen], refresh: str) -> None:
    mended.repo.stop()
    blind(look("now", refresh=refresh, max_index_age=0), "unreachable")


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_expired_index_is_unknown(mended: Lab, look: Callable[..., Seen], host: str) -> None:
    mended.repo.set_valid_until(-3600)
    blind(look(host, refresh="auto", max_index_age=0), "expired")


@pytest.mark.parametrize("refresh", ["never", "auto", "always"])
def test_expired_index_is_unknown_where_apt_is_told_not_to_mind(
    mended: Lab, look: Callable[..., Seen], refresh: str
) -> None:
    """Who serves such a mirror can hold it back: what it does not offer is no proof that nothing is missing."""
    mended.repo.set_valid_until(-3600)
    setting = "/etc/apt/apt.conf.d/90lab-valid"
    mended.host("now").write(setting, 'Acquire::Check-Valid-Until "false";\n')
    try:
        mended.host("now").run("apt-get -q update")
        blind(look("now", refresh=refresh, max_index_age=86400), "expired")
    finally:
        mended.host("now").run(["rm", setting])


def test_a_look_in_the_middle_of_an_update_never_sees_less(mended: Lab, look: Callable[..., Seen]) -> None:
    """apt replaces the files of its lists one by one: each look sees the old lists, the new ones, or says unknown."""
    whole = {(row["name"], row["version"]) for row in look("now", refresh="never").sections["candidates"]}
    assert whole
    gone = "rm -f /var/lib/apt/lists/*Packages* /var/lib/apt/lists/*Release*"
    loop = f"while [ ! -e /run/lab-stop ]; do {gone}; apt-get -q update; sleep 1; done"
    host = mended.host("now")
    host.run(["rm", "-f", "/run/lab-stop"])
    host.run(["systemd-run", "--unit=lab-updates", "sh", "-c", loop])
    try:
        for refresh in ("never", "auto", "always"):
            seen = look("now", refresh=refresh)
            found = seen.sections["candidates"]
            if isinstance(found, dict):
                assert seen["answer"]["pending"] is None and found["unknown"]
            else:
                assert {(row["name"], row["version"]) for row in found} == whole
                assert seen["answer"]["pending"] == len(whole)
    finally:
        host.run(["touch", "/run/lab-stop"])
        host.run("while systemctl -q is-active lab-updates; do sleep 0.2; done")
        host.run("apt-get -q update")
    assert {(row["name"], row["version"]) for row in look("now", refresh="never").sections["candidates"]} == whole


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_broken_or_missing_signature_is_unknown(mended: Lab, look: Callable[..., Seen], host: str) -> None:
    mended.repo.break_signature()
    blind(look(host, max_index_age=0), "unsigned")
    mended.repo.republish()
    mended.repo.unsign()
    assert look(host, max_index_age=0)["answer"]["pending"] is None


def test_login_page_instead_of_an_index_is_unknown(mended: Lab, look: Callable[..., Seen]) -> None:
    mended.repo.set_faults({"match": "InRelease", "status": 503})
    assert look("now", max_index_age=0)["answer"]["pending"] is None


def test_trusted_source_counts_as_unsigned(lab: Lab, look: Callable[..., Seen]) -> None:
    host = lab.host("now")
    before = {path: host.read(path) for path in host.run("ls /etc/apt/sources.list.d/*.sources").stdout.split()}
    try:
        for path, text in before.items():
            host.write(
                path,
                "\n".join(line + "\nTrusted: yes" if line.startswith("Types:") else line for line in text.split("\n")),
            )
        blind(look("now"), "unsigned")
    finally:
        for path, text in before.items():
            host.write(path, text)


def test_auto_refresh_sees_the_news_and_leaves_the_host_alone(mended: Lab, look: Callable[..., Seen]) -> None:
    host = mended.host("new")
    inside = (
        "find /var/lib/apt /var/tmp /tmp -mindepth 1 -xdev -not -path '/tmp/.*' -not -path '/tmp/ansible*' "
        "-printf '%p %T@ %s\\n' | sort"
    )
    before = host.run(inside).stdout
    old = host.run(["apt-cache", "policy", "lab-web"]).stdout
    mended.repo.publish_standard("1.9")
    seen = look("new", max_index_age=0)
    assert {row["version"] for row in seen.sections["candidates"] if row["name"] == "lab-web"} == {"1.9"}
    assert host.run(inside).stdout == before
    assert host.run(["apt-cache", "policy", "lab-web"]).stdout == old
    assert "1.9" in {row["version"] for row in look("new", refresh="always").sections["candidates"]}
    assert "1.9" in host.run(["apt-cache", "policy", "lab-web"]).stdout


def test_holds_and_pins_have_a_reason_and_a_place(lab: Lab, look: Callable[..., Seen]) -> None:
    host = lab.host("old")
    names = sorted({name for _action, name, _old, _new in steps(lab, "old")})[:2]
    host.run(["apt-mark", "hold", names[0]])
    host.write(
        "/etc/apt/preferences.d/keep",
        "Package: nothing\nPin: version 1*\nPin-Priority: 1\n\n"
        f"Package: {names[1]}\nPin: version 1.0*\nPin-Priority: 1001\n",
    )
    try:
        seen = look("old")
        holds = {row["name"]: row for row in seen.sections["holds"]}
        assert holds[names[0]]["kind"] == "hold"
        assert holds[names[1]]["kind"] == "pin" and "1001" in holds[names[1]]["reason"]
        assert holds[names[1]]["where"] == "/etc/apt/preferences.d/keep:5"
        assert steps(lab, "old") == ours(seen)
        kept = {row["name"]: row["kept_back"] for row in seen.sections["candidates"] if row["kept_back"]}
        assert kept[names[0]] == "held"
    finally:
        host.run(["apt-mark", "unhold", names[0]])
        host.run(["rm", "/etc/apt/preferences.d/keep"])


def test_locked_dpkg_names_its_holder(lab: Lab, look: Callable[..., Seen]) -> None:
    host = lab.host("now")
    host.lock_dpkg()
    try:
        manager = look("now").sections["manager"]
    finally:
        host.unlock_dpkg()
    assert manager["health"] == "locked" and "locked by process" in manager["problems"][0]


def test_interrupted_dpkg_is_named_with_the_way_out(mended: Lab, look: Callable[..., Seen]) -> None:
    host = mended.host("now")
    host.interrupt_dpkg(mended.repo.build("lab-plain", "1.1"))
    try:
        seen = look("now")
    finally:
        host.run(["dpkg", "--configure", "-a"])
    assert seen["answer"]["manager"] == "interrupted"
    assert any("dpkg --configure -a" in problem for problem in seen.sections["manager"]["problems"])
    assert look("now")["answer"]["manager"] == "ok"


def test_checks_run_on_the_host(look: Callable[..., Seen]) -> None:
    checks = [
        {"unit": "ssh.service"},
        {"tcp": 22},
        {"tcp": 1},
        {"command": "/bin/false"},
        {"command": "/bin/echo a;id"},
    ]
    seen = look("now", checks=checks, sections=["checks"])
    assert [row["ok"] for row in seen.sections["checks"]] == [True, True, False, False, True]
    assert "a;id" in seen.sections["checks"][4]["detail"]


def test_without_root_it_says_what_it_cannot_see(lab: Lab) -> None:
    """An unprivileged look runs, and lists what it could not read."""
    host = lab.host("now")
    script = (
        "import json,sys,time; sys.path.insert(0,'/opt/look'); "
        "from ansible_collections.lockstep.patching.plugins.module_utils._look.look import Look; "
        "from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host; "
        "look=Look(Host(),int(time.time()*1000)).run(); print(json.dumps(look.answer()))"
    )
    target = Path(host.root) / "opt/look"
    tree = target / "ansible_collections/lockstep/patching/plugins"
    tree.mkdir(parents=True)
    subprocess.run(["cp", "-r", str(CHECKOUT / "plugins/module_utils"), str(tree)], check=True)
    try:
        done = host.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "python3", "-c", script])
    finally:
        subprocess.run(["rm", "-rf", str(target)], check=True)
    answer = json.loads(done.stdout)
    assert {"services", "reboot"} <= {row["what"] for row in answer["unknown"]}
    assert answer["pending"] and answer["reboot"] == "unknown" and all(row["next"] for row in answer["unknown"])


def test_replaced_library_is_seen_until_restart(lab: Lab, look: Callable[..., Seen]) -> None:
    host = lab.host("new")
    library = host.run(
        "readlink -f $(ldd /usr/sbin/sshd | awk '/libcrypt.so|libcrypto/ {print $3; exit}')"
    ).stdout.strip()
    assert look("new", sections=["services"]).sections["services"]["outdated"] == []
    host.run(f"cp -p {library} {library}.next && mv {library}.next {library}")
    outdated = look("new", sections=["services"]).sections["services"]["outdated"]
    assert "ssh.service" in {row["unit"] for row in outdated}
    assert any(library in row["files"] for row in outdated)
    host.run("systemctl restart ssh.service")
    later = look("new", sections=["services"]).sections["services"]["outdated"]
    assert "ssh.service" not in {row["unit"] for row in later}


def test_history_is_read_from_rotated_logs(lab: Lab, look: Callable[..., Seen]) -> None:
    host = lab.host("old")
    host.run(
        "apt-get -y install --only-upgrade lab-web && cd /var/log && gzip -c dpkg.log > dpkg.log.2.gz "
        "&& : > dpkg.log.1 && : > dpkg.log"
    )
    history = look("old").sections["history"]
    last = [row for row in history["events"] if row["name"] == "lab-web"][-1]
    assert (last["action"], last["from"]) == ("upgrade", "1.0") and last["to"] == host.version("lab-web")
    assert history["last_patched_ms"] >= last["ms"]
    assert "before" in history["missing"]

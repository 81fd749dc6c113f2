# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab on real hosts: what it promises to tests, and that it leaves nothing behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab import Faults, Lab, LabError, check, firewall, inventory, network, procs, teardown
from lab.machine import ALL, borrowers
from lab.shell import mounts_below

SCRIPT = Path(__file__).resolve().parents[3] / "molecule" / "shared" / "lab.py"
check.install_missing(print)
MISSING = check.problems()

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(MISSING), reason="; ".join(f"{p.what} (next: {p.todo})" for p in MISSING) or "-"),
]


def machine(lab: Lab) -> dict[str, object]:
    """What of the machine a lab could change, but for other labs' things."""
    ident = lab.names.ident
    return {
        "mounts": [m for m in mounts_below(Path("/")) if str(lab.names.state) in m],
        "links": [link for link in network.links("") if ident in link],
        "tables": [t for t in firewall.tables() if t == ident],
        "processes": procs.marked_pids(lab.names.state) + procs.cgroup_pids(lab.names.cgroup),
        "folders": [p for p in (lab.names.state, lab.names.run) if p.exists()],
        "groups": [r for r in procs.cgroup_roots() if (r / lab.names.cgroup).exists()],
        "loops": [line for line in loops() if str(lab.names.state) in line],
        "others": all_else(ident),
    }


def loops() -> list[str]:
    return subprocess.run(["losetup", "-l", "-n"], capture_output=True, text=True, check=False).stdout.splitlines()


def all_else(ident: str) -> object:
    """Mounts, links and nft tables that belong to no lab at all: they must not change either."""
    mounts = [m for m in mounts_below(Path("/")) if "lockstep-lab" not in m and "pytest" not in m]
    links = [link for link in network.links("") if not link.startswith(("lslab-", "lsv"))]
    return sorted(mounts), links


@pytest.fixture(scope="module")
def lab():
    lab = Lab(f"t-lab-{os.getpid()}")
    before = machine(lab)
    lab.up({"one": {"groups": ["ring_test"], "disk": "600M"}, "two": {}}, groups={"ring_production": ["two"]})
    yield lab
    lab.down()
    assert machine(lab) == before


@pytest.fixture
def spare():
    lab = Lab(f"t-spare-{os.getpid()}")
    yield lab
    lab.down()


def ssh(lab: Lab, host: str, command: str, timeout: float = 20) -> subprocess.CompletedProcess[str]:
    key = str(lab.names.state / "id_ed25519")
    argv = ["ssh", *inventory.ssh_options(lab.names), "-i", key, f"root@{lab.host(host).address}", command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL)


def test_ssh_answers_and_systemd_is_content(lab):
    for host in ("one", "two"):
        done = ssh(lab, host, "hostname; systemctl is-system-running")
        assert done.stdout.split() == [host, "running"], done.stderr
    assert lab.host("one").read("/etc/machine-id") != lab.host("two").read("/etc/machine-id")


def test_hosts_see_each_other_by_name(lab):
    reached = "import socket; print(socket.create_connection(('two', 22), 5).recv(4))"
    assert "SSH-" in lab.host("one").run(["python3", "-c", reached]).stdout


def test_hermetic_hosts_have_nothing_pending_but_lab_packages_and_no_way_out(lab):
    pending = lab.host("one").run("apt-get -s full-upgrade").stdout
    named = {line.split()[1] for line in pending.splitlines() if line.startswith("Inst ")}
    assert named == {"lab-app", "lab-boot", "lab-broken", "lab-conf", "lab-lib", "lab-plain", "lab-slow", "lab-web"}
    assert "Lockstep-Lab-Security" in pending
    assert lab.names.ident not in firewall.tables()


def test_reboot_from_inside_changes_the_boot_id(lab):
    host = lab.host("one")
    before = host.boot_id()
    ssh(lab, "one", "touch /root/kept; systemctl reboot")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(0.1)
        try:
            if host.boot_id() != before:
                break
        except LabError:
            continue
    host.wait_ssh(30)
    assert ssh(lab, "one", "cat /proc/sys/kernel/random/boot_id").stdout.strip() not in ("", before)
    assert host.path("/root/kept").exists()


def test_power_off_stays_off_until_power_on(lab):
    host = lab.host("two")
    ssh(lab, "two", "systemctl poweroff")
    deadline = time.monotonic() + 30
    while host.is_on() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    assert not host.is_on()
    with pytest.raises(LabError, match="not running"):
        host.run("true")
    assert host.version("lab-web") == "1.0", "files of a host that is off can be read"
    host.power_on()
    assert ssh(lab, "two", "true").returncode == 0


def test_kill_gives_the_host_no_chance(lab):
    host = lab.host("two")
    host.run("systemd-run -q --unit goodbye sh -c 'trap \"touch /root/goodbye\" TERM; sleep 600 & wait'")
    host.kill()
    assert not host.is_on()
    host.power_on()
    assert not host.path("/root/goodbye").exists()


def test_network_can_be_cut_and_stays_cut_over_a_reboot(lab):
    host = lab.host("two")
    host.cut_network()
    assert host.run("true").returncode == 0, "commands still get in without network"
    with pytest.raises(LabError, match="does not answer SSH"):
        host.wait_ssh(1)
    host.run("systemctl reboot", check=False)
    with pytest.raises(LabError, match="does not answer SSH"):
        host.wait_ssh(3)
    host.restore_network()
    host.wait_ssh(20)


def test_frozen_host_answers_nothing_until_thawed(lab):
    host = lab.host("two")
    host.freeze()
    try:
        with pytest.raises(LabError, match="does not answer SSH"):
            host.wait_ssh(1)
    finally:
        host.thaw()
    host.wait_ssh(20)


def test_ssh_sessions_can_be_dropped(lab):
    session = subprocess.Popen(
        ["ssh", *inventory.ssh_options(lab.names), "-i", str(lab.names.state / "id_ed25519"),
         f"root@{lab.host('one').address}", "echo on; sleep 600"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert session.stdout.readline() == "on\n"
    lab.host("one").drop_ssh()
    assert session.wait(10) == 255
    assert ssh(lab, "one", "true").returncode == 0


def test_published_and_withdrawn_versions_are_what_apt_sees(lab):
    host = lab.host("one")

    def candidate(name: str) -> str:
        lab.refresh("one")
        lines = host.run(["apt-cache", "policy", name]).stdout.splitlines()
        return next(line.split()[1] for line in lines if "Candidate" in line)

    assert candidate("lab-conf") == "1.1"
    lab.repo.publish("lab-conf", "1.2")
    assert candidate("lab-conf") == "1.2"
    lab.repo.withdraw("lab-conf", "1.2")
    assert candidate("lab-conf") == "1.1"
    lab.repo.publish("lab-phased", "1.0", security=False)
    lab.refresh("one")
    host.run("apt-get -qq install -y lab-phased")
    lab.repo.publish("lab-phased", "1.1", phased=0)
    lab.refresh("one")
    assert "Inst lab-phased" not in host.run("apt-get -s full-upgrade").stdout, "phased at 0 % is offered to nobody"


def test_bytes_fetched_are_counted(lab):
    address = lab.host("two").address
    lab.repo.publish("lab-plain", "1.3", size=50_000)
    lab.refresh("two")
    before = lab.repo.fetched("lab-plain_1.3", address)
    lab.host("two").run("apt-get -qq install -y lab-plain")
    assert lab.repo.fetched("lab-plain_1.3", address) - before > 50_000
    assert lab.host("two").version("lab-plain") == "1.3"


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda repo: repo.set_valid_until(-3600), "expired"),
        (lambda repo: repo.break_signature(), "signature"),
        (lambda repo: repo.change_key(), "public key|NO_PUBKEY"),
        (lambda repo: repo.set_faults({"match": "InRelease|Release", "status": 503}), "503"),
        (lambda repo: repo.stop(), "onnect"),
    ],
    ids=["expired", "broken signature", "unknown key", "server errors", "server away"],
)
def test_spoilt_indexes_are_noticed_by_apt(spare, spoil, complaint):
    spare.up(["only"])
    spoil(spare.repo)
    done = spare.host("only").run("apt-get update -o APT::Update::Error-Mode=any", check=False)
    assert done.returncode != 0
    assert any(word in done.stdout + done.stderr for word in complaint.split("|")), done.stdout + done.stderr


def test_corrupt_file_is_refused_by_apt(lab):
    lab.repo.publish("lab-odd", "1.0", security=False)
    lab.repo.corrupt("lab-odd", "1.0")
    lab.refresh("one")
    assert "mismatch" in lab.host("one").run("apt-get install -y lab-odd 2>&1", check=False).stdout.lower()


def test_full_disk(lab):
    host = lab.host("one")
    host.fill_disk(leave_bytes=1 << 20)
    try:
        assert "No space left" in host.run("dd if=/dev/zero of=/var/x bs=1M count=5", check=False).stderr
        free = os.statvfs(host.root)
        assert free.f_bavail * free.f_frsize <= 1 << 20
    finally:
        host.free_disk()
        host.run("rm -f /var/x")
    assert host.run("dd if=/dev/zero of=/var/x bs=1M count=5; rm /var/x").returncode == 0
    with pytest.raises(LabError, match="disk of its own"):
        lab.host("two").fill_disk()


def test_locked_and_interrupted_dpkg(lab):
    host = lab.host("one")
    host.lock_dpkg()
    assert "lock" in host.run("apt-get install -y lab-conf", check=False).stderr.lower()
    host.unlock_dpkg()
    host.interrupt_dpkg(lab.repo.build("lab-conf", "1.1"))
    assert "dpkg --configure -a" in host.run("apt-get install -y lab-conf 2>&1", check=False).stdout
    host.run("dpkg --configure -a")
    assert host.version("lab-conf") == "1.1"


def test_faulty_scripts_and_reboot_marks(spare):
    spare.up(["only"], publish=("1.0",))
    host = spare.host("only")
    spare.repo.publish_standard("1.1", Faults(broken="1.1"))
    spare.refresh()
    assert host.run("apt-get -qq -y full-upgrade", check=False).returncode != 0
    assert "lab-broken" in host.run("dpkg --audit").stdout
    assert "lab-boot" in host.run("cat /run/reboot-required.pkgs").stdout
    assert host.version("lab-web") == "1.1"
    assert host.run("apt-mark showauto lab-lib lab-web").stdout.split() == ["lab-lib"]


def test_service_keeps_the_replaced_library_mapped(spare):
    spare.up(["only"], publish=("1.0",))
    host = spare.host("only")
    spare.repo.publish("lab-lib", "1.1")
    spare.repo.publish("lab-app", "1.1")
    spare.refresh()
    host.run("apt-get -qq -y full-upgrade")
    pid = host.run("systemctl show -P MainPID lab-web").stdout.strip()
    assert "liblab.so" in (maps := host.run(f"grep liblab /proc/{pid}/maps").stdout) and "(deleted)" in maps


def test_ansible_masters_do_not_outlive_the_lab(spare):
    spare.up(["only"])
    spare.names.run.mkdir(exist_ok=True)
    argv = ["ssh", *inventory.ssh_options(spare.names), "-i", str(spare.names.state / "id_ed25519"),
            "-o", "ControlMaster=auto", "-o", "ControlPersist=60",
            f"root@{spare.host('only').address}", "true"]  # fmt: skip
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sockets = list(spare.names.run.iterdir())
    assert sockets, "there is a shared connection to close"
    spare.down()
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not any(str(spare.names.run) in line for line in listed.splitlines())


def test_real_hosts_have_security_updates_pending_and_a_way_out(spare):
    before = {setting: setting.path.read_text() for setting in ALL}
    spare.up(["only"], mode="real")
    host = spare.host("only")
    host.run("apt-get -qq update -o APT::Update::Error-Mode=any")
    pending = [line for line in host.run("apt-get -s full-upgrade").stdout.splitlines() if line.startswith("Inst ")]
    assert sum("Debian-Security" in line for line in pending) >= 15, pending
    assert spare.names.ident in firewall.tables()
    shut_out = "import socket\ntry:\n  socket.create_connection(('192.0.2.99', 22), 3)\nexcept OSError as e: print(e)"
    assert host.run(["python3", "-c", shut_out]).stdout
    spare.down()
    for setting in ALL:
        if not borrowers(setting):
            assert setting.path.read_text() == before[setting]


@pytest.mark.parametrize("release", ["bullseye", "trixie"])
def test_other_releases_boot_and_reboot(spare, release):
    spare.up({"only": release})
    host = spare.host("only")
    assert f"VERSION_CODENAME={release}" in host.read("/usr/lib/os-release")
    host.reboot()
    assert ssh(spare, "only", "systemctl is-system-running --wait").stdout.strip() == "running"
    assert "Inst lab-web" in host.run("apt-get -s full-upgrade").stdout


def test_two_labs_at_once(lab, spare):
    spare.up(["one"])
    assert spare.host("one").address != lab.host("one").address
    spare.down()
    assert ssh(lab, "one", "true").returncode == 0


def test_reset_puts_a_host_back_as_it_was(spare):
    spare.up({"a": {}, "b": {"disk": "200M"}})
    before = spare.host("a").versions()
    for host in spare.hosts.values():
        host.run("touch /root/changed; apt-get -qq -y install lab-web")
        assert host.version("lab-web") == "1.1"
    spare.reset()
    for host in spare.hosts.values():
        assert host.versions() == before and not host.path("/root/changed").exists()
        assert ssh(spare, host.name, "systemctl is-system-running").stdout.strip() == "running"


def test_files_leading_out_of_the_host_are_refused(lab):
    host = lab.host("two")
    host.run("ln -sfn /etc /root/out; ln -sfn /etc/passwd /root/file")
    for path in ("/root/out/hosts", "/root/file", "/../x", "/run/x"):
        with pytest.raises(LabError, match="leads outside|not on its disk"):
            host.write(path, "never")


def test_up_again_adds_and_starts(spare):
    spare.up(["a"])
    spare.host("a").kill()
    address = spare.host("a").address
    spare.up(["a", "b"], groups={"g": ["b"]})
    assert spare.host("a").is_on() and spare.host("a").address == address
    assert ssh(spare, "a", "true").returncode == ssh(spare, "b", "true").returncode == 0
    with pytest.raises(LabError, match="hermetic"):
        spare.up(["c"], mode="real")


@pytest.mark.parametrize("seconds", [0.25, 0.5, 0.7, 0.9])
def test_crashed_up_is_cleaned_up(spare, seconds):
    before = machine(spare)
    child = subprocess.Popen(
        [
            sys.executable,
            str(SCRIPT),
            "up",
            "--name",
            spare.name,
            "--mode",
            "real",
            "--repo",
            "--host",
            "a",
            "--host",
            "b",
        ],
        stdout=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    child.wait()
    spare.down()
    assert machine(spare) == before


def test_crashed_up_can_be_taken_up_again(spare):
    for seconds in (0.3, 0.5, 0.6, 0.7):
        child = subprocess.Popen(
            [sys.executable, str(SCRIPT), "up", "--name", spare.name, "--host", "a", "--host", "b"],
            stdout=subprocess.DEVNULL,
        )
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        child.wait()
    spare.up(["a", "b"])
    assert [ssh(spare, host, "systemctl is-system-running").stdout.strip() for host in "ab"] == ["running"] * 2


def test_crashed_base_build_leaves_no_process_and_no_mount(tmp_path):
    env = {**os.environ, "LOCKSTEP_LAB_CACHE": str(tmp_path / "cache"), "LOCKSTEP_LAB_DIR": str(tmp_path / "labs")}
    argv = [sys.executable, str(SCRIPT), "up", "--name", "crash", "--host", "a"]
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=env)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("cache/bases/.*/root/usr")) and time.monotonic() < deadline:
        time.sleep(0.1)
    child.send_signal(signal.SIGKILL)
    child.wait()
    time.sleep(0.5)
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in listed.splitlines() if str(tmp_path) in line]
    assert mounts_below(tmp_path) == []


def test_everything_killed_in_any_order_is_cleaned_up(spare):
    before = machine(spare)
    spare.up(["a", "b"], mode="real", repo=True)
    pids = list({*procs.marked_pids(spare.names.state), *procs.cgroup_pids(spare.names.cgroup)})
    random.shuffle(pids)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    spare.down()
    assert machine(spare) == before
    assert spare.down() is False, "done again it changes nothing"


def test_lost_state_is_cleaned_up(spare):
    spare.up(["a"])
    (spare.names.state / "state.json").unlink()
    assert spare.name in teardown.all_labs()
    spare.down()
    assert teardown.remains(spare.names) == []


def test_command_line(spare):
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)

    name = ("--name", spare.name)
    assert call("check").returncode == 0
    up = call("up", *name, "--host", "a@ring_test")
    assert up.returncode == 0 and "inventory: " in up.stdout, up.stderr
    assert "ring_test" in call("status").stdout
    assert call("exec", *name, "a", "--", "hostname").stdout == "a\n"
    assert call("exec", *name, "a", "--", "false").returncode == 1
    assert call("ssh", *name, "a", "--", "hostname").stdout == "a\n"
    assert "security: lab-web 1.2" in call("publish", *name, "1.2", "lab-web").stdout
    assert "lab-web 1.2" not in call("withdraw", *name, "lab-web", "1.2").stdout
    wrong = call("exec", *name, "nobody", "--", "true")
    assert wrong.returncode == 1 and "its hosts: a" in wrong.stderr and "Traceback" not in wrong.stderr
    assert "is down" in call("down", *name).stdout
    assert "was not up" in call("down", *name).stdout

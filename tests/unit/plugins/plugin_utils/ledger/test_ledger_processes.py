# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Many writers at once, forks, and processes that are killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from ledger_samples import NOW, begin, look, open_plan, plan_of

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

HERE = os.path.dirname(os.path.abspath(__file__))
WRITERS = 30


def _write(url: str, number: int, start, failed) -> None:
    start.wait()
    try:
        with Ledger.open(url) as ledger:
            host = f"h{number:02}"
            token = ledger.begin_run("default", "rollout", f"writer {number}", None, "control", None, NOW)
            look(ledger, host, token, {"os": {"id": "debian"}, "boot": {"boot_id": host}})
            plan_id = ledger.open_plan("default")["plan_id"]
            made = ledger.next_attempt(plan_id, host, token, NOW)
            ledger.record_transaction(made, plan_id, host, {"outcome": "done", "host": host}, token, NOW)
            ledger.set_host(plan_id, host, "installed", "", "", {}, token, NOW)
    except BaseException as error:  # told to the test, which would otherwise only see an exit status
        failed.put(f"{number}: {error!r}")
        raise


def test_thirty_writers_at_once_lose_nothing(url):
    hosts = [f"h{number:02}" for number in range(WRITERS)]
    with Ledger.open(url) as ledger:
        plan_id, body = plan_of(("test", hosts))
        ledger.save_plan(plan_id, body, [], "default", "ann", begin(ledger), NOW)
    context = multiprocessing.get_context("fork")
    start, failed = context.Event(), context.SimpleQueue()
    writers = [context.Process(target=_write, args=(url, number, start, failed)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    start.set()
    for writer in writers:
        writer.join()
    assert failed.empty(), failed.get()
    with Ledger.open(url) as ledger:
        assert sorted(row["token"] for row in ledger.runs("default")) == list(range(1, WRITERS + 2))
        assert {host: row["status"] for host, row in ledger.host_statuses(plan_id).items()} == dict.fromkeys(
            hosts, "installed"
        )
        assert sorted(row["result"]["host"] for row in ledger.transactions(plan_id)) == hosts
        assert {host: state["sections"]["boot"]["boot_id"] for host, state in ledger.states("default")} == {
            h: h for h in hosts
        }
        report = ledger.verify_chain()
        assert (report.ok, report.rows) == (True, 2 + 4 * WRITERS)


def _create(url: str, start, ids) -> None:
    start.wait()
    try:
        with Ledger.open(url) as ledger:
            ids.put(ledger.ledger_id)
    except BaseException as error:
        ids.put(repr(error))
        raise


def test_a_ledger_that_many_make_at_once_is_one(url):
    context = multiprocessing.get_context("fork")
    start, ids = context.Event(), context.SimpleQueue()
    makers = [context.Process(target=_create, args=(url, start, ids)) for _maker in range(10)]
    for maker in makers:
        maker.start()
    start.set()
    for maker in makers:
        maker.join()
    found = [ids.get() for _maker in makers]
    assert len(set(found)) == 1
    assert len(found[0]) == 32


def test_a_child_opens_its_own_connection_and_leaves_the_parents_alone(url):
    with Ledger.open(url) as ledger:
        assert begin(ledger) == 1
        with ledger.database.read() as connection:
            parents = connection.connection.dbapi_connection
        child = os.fork()
        if child == 0:
            status = 1
            try:
                token = begin(ledger)
                with ledger.database.read() as connection:
                    own = connection.connection.dbapi_connection
                status = 0 if token == 2 and own is not parents else 2
                ledger.close()
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert begin(ledger) == 3
        with ledger.database.read() as connection:
            assert connection.connection.dbapi_connection is parents
        assert ledger.verify_chain().rows == 3


PROGRAM = textwrap.dedent("""
    import os, signal, sys
    sys.path.insert(0, sys.argv[2])
    from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
    from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import chain
    from ledger_samples import NOW, begin
    ledger = Ledger.open(sys.argv[1])
    token = begin(ledger)
    plan_id = ledger.open_plan("default")["plan_id"]
    made = ledger.next_attempt(plan_id, "a", token, NOW)
    if sys.argv[3] == "middle":
        real = chain.append
        def killed(*arguments):  # after the row of the transaction was written, before the evidence
            os.kill(os.getpid(), signal.SIGKILL)
        chain.append = killed
    ledger.record_transaction(made, plan_id, "a", {"outcome": "done"}, token, NOW)
    os.kill(os.getpid(), signal.SIGKILL)
""")


@pytest.mark.parametrize("when", ["after", "middle"])
def test_a_killed_controller_leaves_all_or_nothing(url, when, tmp_path):
    with Ledger.open(url) as ledger:
        plan_id = open_plan(ledger, begin(ledger))
    script = tmp_path / "killed.py"
    script.write_text(PROGRAM)
    done = subprocess.run([sys.executable, str(script), url, HERE, when], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with Ledger.open(url) as ledger:
        (row,) = ledger.transactions(plan_id)
        recorded = ledger.evidence("default", kind="transaction_recorded")
        if when == "after":
            assert (row["outcome"], row["result"], len(recorded)) == ("done", {"outcome": "done"}, 1)
        else:
            assert (row["outcome"], row["result"], recorded) == (None, None, [])
        assert ledger.verify_chain().ok
        token = begin(ledger)
        assert ledger.next_attempt(plan_id, "a", token, NOW).endswith("-2" if when == "after" else "-1")

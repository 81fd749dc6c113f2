# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The content store: what is in it is right, it stays within its bounds, and several processes may use it."""

from __future__ import annotations

import fcntl
import hashlib
import io
import multiprocessing
import os
import stat
import subprocess
import sys

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.store import Store, StoreError

NOW = 1_795_000_000_000


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(store: Store, content: bytes, now_ms: int = NOW, **more) -> str:
    return store.put(io.BytesIO(content), sha(content), now_ms, **more)


def everything(store: Store) -> list[str]:
    """Every file under the store's folder, also what is no file of the store."""
    return sorted(name for _folder, _folders, names in os.walk(store.folder) for name in names if name != "lock")


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path / "deep" / "store"), limit_bytes=1000, spare_bytes=0)


def test_a_file_is_put_and_got(store, tmp_path):
    source = tmp_path / "openssl.deb"
    source.write_bytes(b"package" * 10)
    path = store.put(str(source), sha(b"package" * 10), NOW, size=70)
    assert path == store.path(sha(b"package" * 10))
    assert path.endswith(f"/sha256/{sha(b'package' * 10)[:2]}/{sha(b'package' * 10)}")
    assert store.get(sha(b"package" * 10), NOW, size=70) == path
    with open(path, "rb") as stream:
        assert stream.read() == b"package" * 10
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    for folder in (tmp_path / "deep", store.folder, os.path.dirname(path)):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert everything(store) == [sha(b"package" * 10)]


def test_what_is_there(store):
    assert store.files() == []
    assert store.prune([]) == []
    assert not store.has(sha(b"x"))
    put(store, b"x", NOW + 5)
    assert store.has(sha(b"x"))
    assert store.has(sha(b"x"), 1)
    assert not store.has(sha(b"x"), 2)
    assert store.files() == [(sha(b"x"), 1, NOW + 5)]


@pytest.mark.parametrize("name", ["", "abc", "../../etc/passwd", "A" * 64, "g" * 64, "0" * 63, "0" * 64 + "\n"])
def test_a_name_that_is_no_sha256(store, name):
    for ask in (lambda: store.path(name), lambda: store.get(name, NOW), lambda: store.put(io.BytesIO(b""), name, NOW)):
        with pytest.raises(StoreError, match="is not a SHA-256"):
            ask()


@pytest.mark.parametrize(
    ("content", "size", "says"),
    [
        (b"other", None, "its SHA-256 is"),
        (b"other", 5, "its SHA-256 is"),
        (b"packag", 7, "it has 6 bytes, not the 7"),
        (b"packages", 7, "longer than the 7 bytes"),
        (b"", 7, "it has 0 bytes"),
        (b"x" * 1001, None, "longer than the whole store may be"),
    ],
)
def test_what_is_not_the_file_is_not_stored(store, content, size, says):
    with pytest.raises(StoreError, match=says):
        store.put(io.BytesIO(content), sha(b"package"), NOW, size=size)
    assert everything(store) == []


def test_a_stream_that_breaks_leaves_nothing(store):
    class Broken(io.BytesIO):
        def read(self, _size=-1):
            raise ConnectionResetError("gone")

    with pytest.raises(StoreError, match="cannot be written"):
        store.put(Broken(), sha(b"x"), NOW)
    assert everything(store) == []


def test_a_source_that_is_not_there(store):
    with pytest.raises(StoreError, match="No such file") as caught:
        store.put("/nonexistent/x.deb", sha(b"x"), NOW)
    assert caught.value.where == "/nonexistent/x.deb"


def test_a_file_that_is_not_in_the_store(store):
    with pytest.raises(StoreError, match="is not in the store"):
        store.get(sha(b"x"), NOW)


@pytest.mark.parametrize("damage", [b"PACKAGE", b"pack", b"", b"packages"])
def test_a_damaged_file_is_noticed_and_replaced(store, damage):
    path = put(store, b"package")
    with open(path, "wb") as stream:
        stream.write(damage)
    with pytest.raises(StoreError, match="damaged and is removed"):
        store.get(sha(b"package"), NOW)
    assert not store.has(sha(b"package"))
    put(store, b"package")
    assert store.get(sha(b"package"), NOW) == path


def test_a_put_replaces_a_damaged_file(store):
    path = put(store, b"package")
    with open(path, "wb") as stream:
        stream.write(b"broken!")
    put(store, b"package")
    assert store.get(sha(b"package"), NOW) == path


def test_what_was_wanted_longest_ago_makes_room(store):
    for number, content in enumerate((b"a" * 400, b"b" * 300, b"c" * 300)):
        put(store, content, NOW + number)
    store.get(sha(b"a" * 400), NOW + 10)
    put(store, b"d" * 350, NOW + 11)
    assert {kept.sha256 for kept in store.files()} == {sha(b"a" * 400), sha(b"d" * 350)}


def test_what_must_be_kept_stays(store):
    for number, content in enumerate((b"a" * 400, b"b" * 300, b"c" * 300)):
        put(store, content, NOW + number)
    put(store, b"d" * 300, NOW + 3, keep={sha(b"a" * 400)})
    assert {kept.sha256 for kept in store.files()} == {sha(b"a" * 400), sha(b"c" * 300), sha(b"d" * 300)}


def test_what_does_not_fit_beside_it_is_refused_and_costs_nothing(store):
    for number, content in enumerate((b"a" * 400, b"b" * 300, b"c" * 300)):
        put(store, content, NOW + number)
    before = store.files()
    with pytest.raises(StoreError, match="700 bytes do not fit: 400 of the 1000") as caught:
        put(store, b"d" * 700, NOW + 3, keep={sha(b"a" * 400)})
    assert "higher limit" in caught.value.next_step
    assert store.files() == before
    assert len(everything(store)) == 3


def test_pruning(store):
    for number, content in enumerate((b"a" * 400, b"b" * 300, b"c" * 300)):
        put(store, content, NOW + number)
    smaller = Store(store.folder, limit_bytes=650, spare_bytes=0)
    assert smaller.prune({sha(b"a" * 400)}) == [sha(b"b" * 300), sha(b"c" * 300)]
    assert smaller.prune({sha(b"a" * 400)}) == []
    assert Store(store.folder, limit_bytes=1).prune({sha(b"a" * 400)}) == []
    assert [kept.sha256 for kept in store.files()] == [sha(b"a" * 400)]


@pytest.mark.parametrize("size", [None, 7])
def test_the_disk_is_never_filled(store, size):
    greedy = Store(store.folder, limit_bytes=1000, spare_bytes=2**60)
    with pytest.raises(StoreError, match="bytes free, and .* are needed"):
        put(greedy, b"package", size=size)
    assert everything(store) == []


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_told(tmp_path):
    program = (
        "import hashlib, io, sys\n"
        "from ansible_collections.lockstep.patching.plugins.plugin_utils.store import Store, StoreError\n"
        "store, many = Store(sys.argv[1], spare_bytes=-2**60), b'x' * 3_000_000\n"
        "store.put(io.BytesIO(b'small'), hashlib.sha256(b'small').hexdigest(), 1)\n"
        "try:\n"
        "    store.put(io.BytesIO(many), hashlib.sha256(many).hexdigest(), 1)\n"
        "except StoreError as error:\n"
        "    print(error)\n"
        "store.get(hashlib.sha256(b'small').hexdigest(), 1)\n"
        "print(len(store.files()))\n"
    )
    steps = 'mount -t tmpfs -o size=2m none "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "--mount", "sh", "-c", steps, "sh", str(tmp_path), sys.executable, program]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "No space left on device; free space there" in said
    assert said.splitlines()[-1] == "1"


def test_what_a_killed_process_left_is_removed_and_what_one_is_writing_is_not(store):
    put(store, b"x")
    folder = os.path.join(store.folder, "partial")
    for name in ("abandoned", "in use"):
        with open(os.path.join(folder, name), "wb") as stream:
            stream.write(b"half")
    with open(os.path.join(folder, "in use"), "rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        put(store, b"y")
        assert os.listdir(folder) == ["in use"]


def _put_all(folder: str, number: int, start) -> None:
    start.wait()
    store = Store(folder, limit_bytes=20_000, spare_bytes=0)
    for each in range(20):
        put(store, b"%03d" % each * 100, NOW + each)  # the same files as every other process
        put(store, b"%02d %02d" % (number, each) * 100, NOW + each)


def test_many_put_at_once(tmp_path):
    folder = str(tmp_path / "store")
    context = multiprocessing.get_context("fork")
    start = context.Event()
    workers = [context.Process(target=_put_all, args=(folder, number, start)) for number in range(8)]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 8
    store = Store(folder, limit_bytes=20_000)
    kept = store.files()
    assert 19_000 < sum(file.size for file in kept) <= 20_000
    for file in kept:
        assert store.get(file.sha256, NOW, file.size)
    assert os.listdir(os.path.join(folder, "partial")) == []

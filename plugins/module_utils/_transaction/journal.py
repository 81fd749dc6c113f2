# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal of one transaction: the only thing that decides what happened to it.

One preallocated file; each record is one line of JSON ``{schema, seq, ms, step, data, sum}`` followed by a newline,
the rest of
the file is zeros. ``sum`` is the SHA-256 of the record without it. Each record is on the disk before `append`
returns. A torn tail (a
record whose newline, checksum or number is wrong) ends what is read and is overwritten by the next record.

Steps: ``begin`` (first: ledger_id, token, plan_id, transaction, boot_id, before, lines), ``attempt`` (a runner takes
over: attempt, pid,
start, boot_id), others that only inform, ``rebooting`` (boot_id), and ``result`` (the end of an attempt).
"""

import hashlib
import json
import os
from typing import Any, Dict, List, NamedTuple, Optional

from ansible_collections.lockstep.patching.plugins.module_utils._transaction.process import Process

SCHEMA = 1
SIZE = 1024 * 1024
RESERVE = 256 * 1024  # kept for the result, whatever was written before it


class JournalFull(Exception):
    """The record does not fit; the file is unchanged."""


class JournalError(Exception):
    """The journal can't be written or is of a schema that this version does not know."""


class Record(NamedTuple):
    schema: int
    seq: int
    ms: int
    step: str
    data: Dict[str, Any]


class Found(NamedTuple):
    """What a journal says. state: none | running | finished | interrupted."""

    state: str
    records: List[Record]
    result: Optional[Dict[str, Any]] = None
    process: Optional[Process] = None
    attempt: int = 0

    @property
    def begin(self):
        """Data of the first record (empty when there is none)."""
        return self.records[0].data if self.records else {}

    def step(self, name):
        """The last record of that step, or None."""
        return next((record for record in reversed(self.records) if record.step == name), None)


def encode(record):
    """Record -> one line of bytes, newline included."""
    body = canonical(record._asdict())
    return canonical(dict(record._asdict(), sum=hashlib.sha256(body).hexdigest())) + b"\n"


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def decode(line):
    """One line without its newline -> Record, or None when it is torn."""
    try:
        fields = json.loads(line.decode("ascii"))
        checksum = fields.pop("sum")
        record = Record(**fields)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return record if hashlib.sha256(canonical(fields)).hexdigest() == checksum else None


def decode_all(content):
    """bytes -> (records up to the first torn one, offset of the end of the last good one)."""
    records: List[Dict[str, Any]] = []
    offset = 0
    while True:
        end = content.find(b"\n", offset)
        record = decode(content[offset:end]) if end >= 0 else None
        if record is None or record.seq != len(records):
            return records, offset
        records.append(record)
        offset = end + 1


def judge(records, alive):
    """records, alive (a function Process -> bool) -> Found."""
    if not records:
        return Found("none", [])
    if records[0].schema != SCHEMA:
        raise JournalError(
            "journal has schema %s, this version knows %s: use the newer lockstep.patching that wrote it"
            % (records[0].schema, SCHEMA)
        )
    attempts = [record for record in records if record.step == "attempt"]
    attempt = attempts[-1].data["attempt"] if attempts else 0
    process = Process(**{key: attempts[-1].data[key] for key in Process._fields}) if attempts else None
    last = max((record.seq for record in attempts), default=0)
    result = next((record for record in records if record.step == "result" and record.seq > last), None)
    if result:
        return Found("finished", records, result.data, process, attempt)
    state = "running" if process and alive(process) else "interrupted"
    return Found(state, records, None, process, attempt)


def read(path, alive):
    """Journal file -> Found; a missing, empty or wholly torn one is `none`."""
    try:
        with open(path, "rb") as handle:
            content = handle.read()
    except FileNotFoundError:
        return Found("none", [])
    return judge(decode_all(content)[0], alive)


class Journal(object):
    """Writer; one process at a time, under the host's lock."""

    def __init__(self, descriptor, path, records, offset, size):
        self._descriptor = descriptor
        self.path = path
        self.records = records
        self._offset = offset
        self._size = size

    @classmethod
    def create(cls, path, ms, data, size=SIZE):
        """Preallocate, write the first record, then give the file its name. JournalError when there is no space."""
        first = encode(Record(SCHEMA, 0, ms, "begin", data))
        size = max(size, 2 * len(first) + 2 * RESERVE)
        draft = os.path.join(os.path.dirname(path), ".new-" + os.path.basename(path))
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
            journal = cls(descriptor, path, [], 0, size)
            journal.append("begin", data, ms)
            os.rename(draft, path)
            sync_folder(os.path.dirname(path))
        except OSError as error:
            os.close(descriptor)
            os.unlink(draft)
            raise JournalError("cannot create the journal %s: %s" % (path, error))
        return journal

    @classmethod
    def resume(cls, path):
        """Open an existing journal behind its last good record; the torn tail is wiped."""
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        size = os.fstat(descriptor).st_size
        content = os.pread(descriptor, size, 0)
        records, offset = decode_all(content)
        if not records:
            os.close(descriptor)
            raise JournalError("%s holds no readable record" % path)
        tail = content[offset:].rstrip(b"\0")
        if tail:
            os.pwrite(descriptor, b"\0" * len(tail), offset)
            os.fsync(descriptor)
        return cls(descriptor, path, records, offset, size)

    def append(self, step, data, ms):
        """Write one record durably. JournalFull when it does not fit (only a result may use the reserve)."""
        line = encode(Record(SCHEMA, len(self.records), ms, step, data))
        room = self._size - self._offset - (0 if step == "result" else RESERVE)
        if len(line) > room:
            raise JournalFull("%s: %d bytes left, %d needed for %s" % (self.path, max(room, 0), len(line), step))
        written = 0
        while written < len(line):
            written += os.pwrite(self._descriptor, line[written:], self._offset + written)
        os.fsync(self._descriptor)
        self.records.append(Record(SCHEMA, len(self.records), ms, step, data))
        self._offset += len(line)

    def close(self):
        os.close(self._descriptor)


def sync_folder(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

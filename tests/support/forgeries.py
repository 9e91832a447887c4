"""Stores and snapshots changed by chance or by malice, and what opening one of them takes.

`forge` makes one forgery of a small sound store from a number. `Attempts` opens forgeries, each in a forked child of
one warm process, and says how it ended, and what time and memory it took beyond that process.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import struct
import time
import traceback
import warnings
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from croupier import Engine, Features, Rewards, verify
from croupier.errors import CroupierError
from croupier.log.ids import counted
from croupier_storage import Fact, InvalidFact, Snapshot, decode_state, encode_state, hash_state, open_storage
from croupier_storage.encoding.checksums import fact_digest

SECONDS, MEGABYTES = 5.0, 200.0
RULE = Rewards(window=1e6, default=0.0)
_CAP = 3 << 30  # bytes of address space beyond the warm process: it protects the machine, and is no measure
_WALL = 120.0
STORE, FILE = "store.db", "exported.snapshot"
NASTY: list[Any] = [
    None, 0, -1, 1 << 62, -(1 << 63), 10**12, 0.0, -1.5, 9e999,
    -9e999, 1e300, "", "x" * 5000, "𝔘", "null", "[]", "{}",
    b"", b"\x00", b"null", b"[]", b"{}", b"[[[[1]]]]", b"\xff\xfe",
    b"\x01abc", b"\x01" + bytes(80), b"\x02" + bytes(40),
    b'{"upto":0}', b'{"to":0}', b'{"to":999999}',
    b'{"erased":[0,0],"upto":1}', b'{"erased":{},"upto":"x"}', b'{"event":"start"}',
    b'{"name":1,"variant":[]}', b"[" * 5000,
    b'{"a":' * 900 + b"1" + b"}" * 900, b"9" * 3000, b'"' + b"a" * 70_000 + b'"',
]  # fmt: skip


def sound(folder: Path) -> None:
    """A sound store with every kind of fact that is written often, and an exported snapshot of it."""
    url = f"sqlite:///{folder / STORE}"
    rng = random.Random(3)
    with Engine.open(url, seed=7, ids=counted(), clock=lambda: 5.0, features=Features(), rewards=RULE) as engine:
        for n in range(60):
            unit = f"u{n % 7}"
            engine.observe(unit, "view", f"i{n % 3}", at=float(n), seconds=rng.random())
            decision = engine.choose({"x": rng.random(), "town": f"t{n % 4}"}, ["a", "b", "c"], unit=unit, at=float(n))
            if n % 4:
                engine.reward(decision.id, rng.random(), key=f"k{n}", at=float(n))
            if n == 20:
                engine.snapshots.pin(engine.snapshots.take())
            if n == 30:
                engine.rebase()
            if n == 40:
                engine.forget("u3")
        engine.snapshots.export(engine.snapshots.take(), folder / FILE)


# -- forgeries


def forge(origin: Path, folder: Path, number: int) -> str:
    """Put a forgery of the sound store into a folder; returns what was done to it."""
    for name in (STORE, FILE):
        shutil.copy(origin / name, folder / name)
    rng = random.Random(number)
    kind = list(_KINDS)[number % len(_KINDS)]
    return f"{number}: {kind} {_KINDS[kind](folder, rng) or ''}"


def _flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 3, 30])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _flip(folder: Path, rng: random.Random) -> None:
    file = folder / rng.choice([STORE, STORE, FILE])
    file.write_bytes(_flipped(file.read_bytes(), rng))


def _flip_header(folder: Path, rng: random.Random) -> None:
    file = folder / STORE
    content = file.read_bytes()
    file.write_bytes(_flipped(content[:2000], rng) + content[2000:])


def _truncate(folder: Path, rng: random.Random) -> None:
    file = folder / rng.choice([STORE, FILE])
    content = file.read_bytes()
    file.write_bytes(content[: rng.randrange(len(content))])


def _swap_pages(folder: Path, rng: random.Random) -> None:
    file = folder / STORE
    content = bytearray(file.read_bytes())
    pages = len(content) // 4096
    for _ in range(3):
        one, other = rng.randrange(pages) * 4096, rng.randrange(pages) * 4096
        content[one : one + 4096] = content[other : other + 4096]
    file.write_bytes(content)


def _sql(folder: Path, *statements: str, values: tuple[Any, ...] = ()) -> None:
    with closing(sqlite3.connect(folder / STORE)) as raw:
        for statement in statements:
            raw.execute(statement, values)
        raw.commit()


def _row(folder: Path, rng: random.Random) -> str:
    """A fact with another value, and the checksum that belongs to it, where there is one."""
    with open_storage(f"sqlite:///{folder / STORE}") as storage:
        fact = storage.facts_at([rng.randrange(1, storage.head() + 1)]).popitem()[1]
    column = rng.choice(Fact._fields)
    value = rng.choice(NASTY)
    return _replace(folder, fact, {column: value})


def _body(folder: Path, rng: random.Random) -> str:
    """A fact of another kind, with another body."""
    with open_storage(f"sqlite:///{folder / STORE}") as storage:
        fact = storage.facts_at([rng.randrange(1, storage.head() + 1)]).popitem()[1]
    kind = rng.choice(["rebase", "configuration", "experiment", "promotion", "observation", "drift", "correction"])
    return _replace(folder, fact, {"kind": kind, "body": rng.choice([v for v in NASTY if isinstance(v, bytes)])})


def _replace(folder: Path, fact: Fact, changed: dict[str, Any]) -> str:
    forged = fact._replace(**changed)
    try:
        digest = fact_digest(forged)
    except (TypeError, struct.error, InvalidFact, ValueError):
        digest = b"12345678"
    names = ", ".join(f'"{name}" = ?' for name in changed)
    values = (*changed.values(), digest, fact.position)
    with suppress(sqlite3.IntegrityError):  # a position or key that another row has
        _sql(folder, f"UPDATE facts SET {names}, digest = ? WHERE position = ?", values=values)  # noqa: S608 (ours)
    return f"{fact.kind} {str(changed)[:60]}"


def _column(folder: Path, rng: random.Random) -> str:
    """Another value in a column of another table."""
    table, column = rng.choice(
        [
            ("settings", "value"), ("settings", "value"), ("settings", "name"),
            ("policies", "config"), ("policies", "id"),
            ("policies", "arithmetic"), ("head", "position"), ("action_sets", "body"), ("action_sets", "digest"),
            ("snapshots", "position"), ("snapshots", "at"), ("snapshots", "hash"), ("snapshots", "body"),
            ("snapshots", "pinned"), ("schema_version", "version"),
        ]
    )  # fmt: skip
    value = rng.choice(NASTY)
    with closing(sqlite3.connect(folder / STORE)) as raw:
        keys = [key for (key,) in raw.execute(f'SELECT "{column}" FROM {table}')]  # noqa: S608 (ours)
    old = rng.choice(keys)
    with suppress(sqlite3.IntegrityError):
        _sql(folder, f'UPDATE {table} SET "{column}" = ? WHERE "{column}" IS ?', values=(value, old))  # noqa: S608
    return f"{table}.{column} {str(value)[:40]}"


_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
_PROGRAMS = [
    "ALTER TABLE {0} RENAME TO kept; CREATE VIEW {0} AS SELECT * FROM kept",
    "ALTER TABLE {0} RENAME TO kept; CREATE VIEW {0} AS ENDLESS SELECT kept.* FROM kept, n",
    "CREATE TRIGGER t AFTER INSERT ON {0} BEGIN DELETE FROM facts; END",
    "CREATE TRIGGER t BEFORE UPDATE ON {0} BEGIN INSERT INTO action_sets ENDLESS SELECT randomblob(9), i FROM n; END",
    "DROP TABLE {0}; CREATE VIRTUAL TABLE {0} USING fts5(position, value)",
    "ALTER TABLE {0} ADD COLUMN huge AS (zeroblob(900000000))",
    "ALTER TABLE {0} ADD COLUMN huge BLOB CHECK (length(zeroblob(900000000)) > 0)",
    "CREATE INDEX heavy ON {0} (zeroblob(100000000))",
    "CREATE INDEX heavy ON {0} (1) WHERE length(zeroblob(100000000)) > 0",
    "DROP TABLE {0}",
    "DELETE FROM {0}",
]


def _program(folder: Path, rng: random.Random) -> str:
    """A view, a trigger, a virtual table or an expression in place of a table."""
    table = rng.choice(["facts", "head", "settings", "policies", "action_sets", "snapshots", "schema_version"])
    program = rng.choice(_PROGRAMS).format(table).replace("ENDLESS", _ENDLESS)
    with suppress(sqlite3.OperationalError):  # this build lacks the module
        _sql(folder, *program.split("; ") if "TRIGGER" not in program else [program])
    return program[:70]


def _changed(value: Any, rng: random.Random) -> Any:
    """A state with one value in it replaced by something of another type, shape or size."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {other: each for other, each in value.items() if other != key}
        return {**value, key: _changed(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.6:
        index = rng.randrange(len(value))
        return [*value[:index], _changed(value[index], rng), *value[index + 1 :]]
    if isinstance(value, np.ndarray):
        return rng.choice(
            [
                value.astype(np.float32), value.reshape(-1)[:1], value[None],
                value * np.nan if value.dtype.kind == "f" else value,
                np.zeros((0, 3)), np.zeros(100_000), value.astype(np.int64), np.zeros((2,) * 20),
            ]
        )  # fmt: skip
    return rng.choice([None, True, -1, 1 << 40, 10**30, 0.5, float("nan"), "x", b"x", [], {}, [[]], np.zeros(3)])


def _container(content: bytes, length: int | None = None) -> bytes:
    packed, length = zlib.compress(content, 9), len(content) if length is None else length
    checksum = blake2b(struct.pack("<HQ", 1, length) + packed, digest_size=32).digest()
    return struct.pack("<8sHQ32s", b"\x89CRP\r\n\x1a\n", 1, length, checksum) + packed


def _bomb(rng: random.Random) -> bytes:
    count, q = rng.choice([1 << 20, 30 << 20, 60 << 20]), struct.Struct("<Q").pack
    bombs: list[Callable[[], bytes]] = [
        lambda: _container(b"l" + q(count) + b"n" * count),
        lambda: _container(b"l" + q(count // 9) + (b"l" + q(0)) * (count // 9)),
        lambda: _container(b"a" + bytes([10, 1]) + q(count // 8) + bytes(count // 8 * 8)),
        lambda: _container(b"a" + bytes([10, 3]) + q(1 << 40) + q(1 << 40) + q(0)),
        lambda: _container(b"s" + q(count) + b"a" * count),
        lambda: _container(b"i" + q(count) + b"\x7f" * count),
        lambda: _container(b"m" + q(1 << 60)),
        lambda: _container(b"n", 1 << 40),
        lambda: _container((b"l" + q(1)) * 5000 + b"n"),
    ]
    return rng.choice(bombs)()


def _snapshot(folder: Path, rng: random.Random) -> str:
    """Every snapshot of the store, and the exported file, with another state and all its hashes right."""
    with open_storage(f"sqlite:///{folder / STORE}") as storage:
        newest = storage.snapshot(storage.snapshots()[-1].position)
    assert newest is not None
    state: Any = decode_state(newest.body)
    for _ in range(rng.choice([1, 1, 2])):
        state = _changed(state, rng)
    _plant(folder, newest, encode_state(state), hash_state(state))
    return str(hash_state(state))[:8]


def _bombed(folder: Path, rng: random.Random) -> str:
    """Every snapshot a bomb."""
    body = _bomb(rng)
    with open_storage(f"sqlite:///{folder / STORE}") as storage:
        newest = storage.snapshot(storage.snapshots()[-1].position)
    assert newest is not None
    _plant(folder, newest, body, blake2b(zlib.decompress(body[50:]), digest_size=32).hexdigest())
    return f"{len(body)} bytes"


def _plant(folder: Path, newest: Snapshot, body: bytes, hash: str) -> None:
    with open_storage(f"sqlite:///{folder / STORE}") as storage:
        for info in storage.snapshots():
            storage.save_snapshot(Snapshot(info.position, info.at, hash, body))
    exported: Any = decode_state((folder / FILE).read_bytes())
    (folder / FILE).write_bytes(encode_state({**exported, "hash": hash, "body": body}))


def _deep_log(folder: Path, rng: random.Random) -> str:
    """Many rebases, each of which goes back to before the others."""
    body = rng.choice([b'{"upto":0}', b'{"to":%d}'])
    with open_storage(f"sqlite:///{folder / STORE}") as storage:
        head = storage.head()
        for info in storage.snapshots():
            storage.delete_snapshot(info.position)
        facts = [
            Fact(at, "rebase", 1.0, body=body % (at - 1) if b"%" in body else body)
            for at in range(head + 1, head + 1 + 300)
        ]
        storage.append(facts, {})
    return str(body)


_KINDS: dict[str, Callable[[Path, random.Random], str | None]] = {
    "bits": _flip,
    "row": _row,
    "state": _snapshot,
    "column": _column,
    "program": _program,
    "bomb": _bombed,
    "header": _flip_header,
    "body": _body,
    "truncated": _truncate,
    "pages": _swap_pages,
    "row again": _row,
    "another state": _snapshot,
    "another column": _column,
    "rebases": _deep_log,
}


# -- attempts


class Outcome(NamedTuple):
    """How the use of a forgery ended: the answers, the longest CPU seconds, the megabytes beyond the baseline."""

    answers: list[str]
    seconds: float
    megabytes: float
    unexpected: str | None

    @property
    def held(self) -> bool:
        """Whether it was opened, refused or reported within the limits."""
        return self.unexpected is None and self.seconds <= SECONDS and self.megabytes <= MEGABYTES


def attempt(folder: Path) -> Outcome:
    """Use a forgery in a forked child of this process, which should be warm."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _use(folder, write)
    os.close(write)
    deadline = time.monotonic() + _WALL
    while (ended := os.wait4(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.005)
    _, status, usage = ended
    with open(read, "rb") as pipe:
        answer = pipe.read()
    seconds = usage.ru_utime + usage.ru_stime
    if not answer:
        return Outcome([], seconds, 0.0, f"the process ended with status {status}")
    found = json.loads(answer)
    return Outcome(found["answers"], found["seconds"], found["megabytes"], found["unexpected"])


def _use(folder: Path, write: int) -> None:
    """Open, use and verify a forgery, report and exit."""
    before = _memory("VmRSS")
    resource.setrlimit(resource.RLIMIT_AS, (int(_memory("VmSize") * (1 << 20)) + _CAP,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (int(4 * SECONDS), int(4 * SECONDS)))
    warnings.simplefilter("ignore")
    answers: list[str] = []
    unexpected, seconds = None, [0.0]
    url = f"sqlite:///{folder / STORE}"
    for use in (_open, _verify, _damaged, _import):
        began = time.process_time()
        try:
            answers.append(use(url, folder))
        except CroupierError as error:
            answers.append(f"{use.__name__[1:]}: {type(error).__name__}: {error}"[:200])
        except BaseException as error:  # whatever it is, it is what this looks for
            unexpected = f"{use.__name__[1:]}: {error!r} {''.join(traceback.format_tb(error.__traceback__)[-4:])}"
            break
        finally:
            seconds.append(time.process_time() - began)
    report = {
        "answers": answers,
        "seconds": max(seconds),
        "megabytes": _memory("VmHWM") - before,
        "unexpected": unexpected,
    }
    os.write(write, json.dumps(report).encode()[:60_000])
    os._exit(0)


def _open(url: str, folder: Path) -> str:
    with Engine.open(url, rewards=RULE) as engine:
        decision = engine.choose({"x": 0.5, "town": "t1"}, ["a", "b"], unit="u1", at=100.0)
        engine.reward(decision.id, 1.0, at=101.0)
    return "opened"


def _verify(url: str, folder: Path) -> str:
    found = verify(url)
    return "sound" if found.sound else f"reported: {found.difference}"[:100]


def _damaged(url: str, folder: Path) -> str:
    from croupier.errors import storing

    with storing(), open_storage(url, create=False, read_only=True) as storage:
        return f"{sum(1 for _ in storage.damaged_positions())} damaged"


def _import(url: str, folder: Path) -> str:
    with Engine.open(url, rewards=RULE) as engine:
        return f"imported at {engine.snapshots.import_(folder / FILE)}"


def _memory(name: str) -> float:
    """Megabytes of this process's memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024

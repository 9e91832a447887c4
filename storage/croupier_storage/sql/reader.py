# ruff: noqa: D102  (the methods are documented in `Storage`)
"""Reading from a store in SQL, the same for every dialect."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from threading import RLock
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, bindparam, exists, func, select, tuple_

from croupier_storage.base import Storage
from croupier_storage.encoding.checksums import intact, snapshot_digest
from croupier_storage.errors import CorruptSnapshot, CorruptStore, StorageError
from croupier_storage.facts import Fact, Kind, PolicyRecord, Snapshot, SnapshotInfo
from croupier_storage.sql import schema
from croupier_storage.sql.errors import translate_errors
from croupier_storage.sql.rows import FACT, Types, check, columns, size

PAGE = 16 << 20  # bytes after which a read of facts ends early
READ_FLOOR = 64 << 20  # bytes that any query may return
TOO_MUCH = "the store claims more content than it can hold; it is forged. Restore a backup"
CHUNK = 100  # rows between two looks at their bytes
SHORT_WINDOW = 32_000  # positions
BATCH = 1000  # facts per read: enough to amortise the statement, few enough for memory

_facts = schema.facts.c
FIELDS = [_facts[name] for name in Fact._fields]
_Key = TypeVar("_Key", int, str, bytes)

_fact = partial(tuple.__new__, Fact)  # as `Fact._make`, without a Python call per row

# Built once: for a single row, building the statement takes longer than running it.
_HEAD = select(schema.head.c.position).limit(2)
_SETTINGS = select(schema.settings.c.name, schema.settings.c.value).limit(10_000)
_POLICIES = select(*schema.policies.c).order_by(schema.policies.c.id).limit(100_000)
_snapshots = schema.snapshots.c
_SNAPSHOTS = (
    select(_snapshots.position, _snapshots.at, _snapshots.hash, func.length(_snapshots.body), _snapshots.pinned)
    .order_by(_snapshots.position)
    .limit(100_000)
)
_SNAPSHOT = select(_snapshots.position, _snapshots.at, _snapshots.hash, _snapshots.body, _snapshots.digest).where(
    _snapshots.position == bindparam("of")
)
_UNITS = select(_facts.unit).where(_facts.unit.is_not(None), _facts.position <= bindparam("upto")).distinct()
_DECISION = select(*FIELDS).where(_facts.id == bindparam("of"), _facts.kind == Kind.DECISION.value)
_KEYED = select(*FIELDS).where(_facts.key == bindparam("of"))
_KEYS = select(*FIELDS).where(_facts.key.in_(bindparam("some", expanding=True)))
_ABOUT = select(*FIELDS).where(_facts.decision.in_(bindparam("some", expanding=True)))
_AT = select(*FIELDS).where(_facts.position.in_(bindparam("some", expanding=True)))
_ACTION_SETS = select(schema.action_sets.c.digest, schema.action_sets.c.body).where(
    schema.action_sets.c.digest.in_(bindparam("some", expanding=True))
)
_POSITION, _KEY = Fact._fields.index("position"), Fact._fields.index("key")


class SQLReader(Storage):
    """The part of `Storage` that reads.

    Args:
        engine: Connects to the database.
        alone: Whether all its connections are the same one (a database in memory), so that only one thread may use it
            at a time.
    """

    def __init__(self, engine: Engine, *, alone: bool = False) -> None:
        self._engine = self._reader = engine
        self._writing_lock = RLock()
        self._reading_lock: AbstractContextManager[object] = self._writing_lock if alone else nullcontext()
        self._closed = False

    @abstractmethod
    def _explain(self, error: BaseException) -> StorageError:
        """This package's error for an error of the dialect's driver."""

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("the store is closed; open it again")

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._check_open()
        with translate_errors(self._explain), self._reading_lock, self._reader.connect() as connection:
            yield connection

    def _ceiling(self) -> int:
        """The most bytes that one query may return: forged rows could share their content."""
        return 1 << 62

    def _bounded(self, query: Select[Any], page: int | None) -> Select[Any]:
        """The query with what bounds its result before it is read, where the driver would read all of it at once."""
        return query

    def _within_bounds(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows of a bounded query. Raises CorruptStore where there was more."""
        return rows

    def _rows(
        self, query: Select[Any], types: Types | None, page: int | None = None, **values: object
    ) -> list[tuple[Any, ...]]:
        """The rows of a query as the driver returns them: SQLAlchemy's would cost more than the read.

        The connection is returned to the pool before the caller gets them.

        Args:
            query: The query.
            types: The types of its columns; None for a caller who checks them.
            page: Bytes after which no more rows are read; by default, more than `_ceiling` are an error.
            values: The parameters of the query.

        Raises:
            CorruptStore: A value has another type, or there are more bytes than the database can hold.
        """
        driver = self._engine.dialect.loaded_dbapi.Error
        found: list[tuple[Any, ...]] = []
        total = 0
        with translate_errors(self._explain, driver), self._reading() as connection:
            cursor: Any = connection.execute(self._bounded(query, page), values).cursor
            while rows := self._within_bounds(cursor.fetchmany(CHUNK)):
                found += rows
                total += check(rows, types) if types is not None else size(rows)
                if page is not None and total > page:
                    break
                if total > READ_FLOOR and total > self._ceiling():
                    raise CorruptStore(TOO_MUCH)
                if len(rows) < CHUNK:
                    break
            cursor.close()
        return found

    def _pages(self, query: Select[Any], types: Types, key: int, keys: Sequence[_Key]) -> Iterator[tuple[Any, ...]]:
        """The rows with some keys, each of which has one at most, read in pages bounded in bytes.

        Args:
            query: Takes the keys as the parameter `some`.
            types: The types of its columns.
            key: The index of the key among the columns.
            keys: The keys.
        """
        for batch in _batches(keys):
            some = list(batch)
            while some:
                rows = self._rows(query, types, PAGE, some=some)
                yield from rows
                if size(rows) <= PAGE:
                    break
                found = {row[key] for row in rows}
                some = [each for each in some if each not in found]

    def _fetch_facts(self, query: Select[Any], page: int | None = None, **values: object) -> list[Fact]:
        return list(map(_fact, self._rows(query, FACT, page, **values)))

    def head(self) -> int:
        rows = self._rows(_HEAD, None)
        if len(rows) != 1 or type(rows[0][0]) is not int or rows[0][0] < 0:
            raise CorruptStore("the store's head is unreadable; nothing can be appended safely. Restore a backup")
        return rows[0][0]

    def facts(self, after: int = 0, upto: int | None = None, *, kinds: Sequence[str] | None = None) -> Iterator[Fact]:
        last = self.head() if upto is None else min(upto, self.head())
        query = select(*FIELDS).order_by(_facts.position).limit(BATCH)
        if kinds is not None:
            query = query.where(_facts.kind.in_([str(kind) for kind in kinds]))
        while after < last:
            found = self._fetch_facts(query.where(_facts.position > after, _facts.position <= last), PAGE)
            full = len(found) == BATCH or (found and size(found) > PAGE)
            if kinds is None:
                _check_gapless(found, after + 1, after + len(found) if full else last)
            yield from found
            after = found[-1].position if full else last

    def decisions_out_of_order(self, after: int = 0, upto: int | None = None) -> Iterator[Fact]:
        end = self.head() if upto is None else min(upto, self.head())
        # `+ 0` prevents SQLite from scanning by position and sorting: the index on `as_of` already has the order, and
        # suffices to find the rows. Only for a short window a scan of the window is faster.
        position = _facts.position if end - after <= SHORT_WINDOW else _facts.position + 0
        query = (
            select(*FIELDS)
            .where(_facts.as_of != _facts.position - 1, _facts.kind == Kind.DECISION.value)
            .where(position > after, position <= end)
            .order_by(_facts.as_of, _facts.position)
            .limit(BATCH)
        )
        found = self._fetch_facts(query)
        while found:
            yield from found
            last, key = found[-1], tuple_(_facts.as_of, _facts.position + 0)
            found = self._fetch_facts(query.where(_facts.as_of >= last.as_of, key > (last.as_of, last.position)))

    def decisions_without(self, kinds: Sequence[str], after: int = 0, upto: int | None = None) -> Iterator[Fact]:
        last = self.head() if upto is None else min(upto, self.head())
        answer = schema.facts.alias().c
        named = exists().where(answer.decision == _facts.position, answer.kind.in_([str(kind) for kind in kinds]))
        query = select(*FIELDS).where(_facts.kind == Kind.DECISION.value, ~named).order_by(_facts.position)
        # In windows of positions: a log in which every decision has an outcome would otherwise be one long read.
        for start in range(after, last, BATCH):
            window = query.where(_facts.position > start, _facts.position <= min(start + BATCH, last))
            yield from self._fetch_facts(window)

    def units(self, upto: int) -> set[str]:
        rows = self._rows(_UNITS, columns(str), upto=upto)
        return {unit for (unit,) in rows}

    def decision(self, id: str) -> Fact | None:
        return next(iter(self._fetch_facts(_DECISION, of=id)), None)

    def fact_with_key(self, key: str) -> Fact | None:
        return next(iter(self._fetch_facts(_KEYED, of=key)), None)

    def facts_with_keys(self, keys: Sequence[str]) -> dict[str, Fact]:
        return {row[_KEY]: _fact(row) for row in self._pages(_KEYS, FACT, _KEY, keys)}

    def facts_at(self, positions: Sequence[int]) -> dict[int, Fact]:
        return {row[_POSITION]: _fact(row) for row in self._pages(_AT, FACT, _POSITION, positions)}

    def facts_about(self, *decisions: int) -> list[Fact]:
        return sorted(fact for some in _batches(decisions) for fact in self._fetch_facts(_ABOUT, some=some))

    def action_sets(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        return dict(self._pages(_ACTION_SETS, columns(bytes, bytes), 0, digests))

    def settings(self) -> dict[str, bytes]:
        return dict(self._rows(_SETTINGS, columns(str, bytes)))

    def policies(self) -> list[PolicyRecord]:
        return [PolicyRecord._make(row) for row in self._rows(_POLICIES, columns(int, str, bytes, str, str))]

    def snapshots(self) -> list[SnapshotInfo]:
        types = [*columns(int, float, str, int), frozenset({int, bool})]
        rows = self._rows(_SNAPSHOTS, types)
        return [SnapshotInfo(position, at, hash, size, bool(pinned)) for position, at, hash, size, pinned in rows]

    def snapshot(self, position: int) -> Snapshot | None:
        try:
            rows = self._rows(_SNAPSHOT, columns(int, float, str, bytes, bytes), of=position)
        except CorruptStore as error:
            raise CorruptSnapshot(_DAMAGED.format(position)) from error
        if not rows:
            return None
        if not intact(partial(snapshot_digest, *rows[0][:-1]), rows[0][-1]):
            raise CorruptSnapshot(_DAMAGED.format(position))
        return Snapshot._make(rows[0][:-1])


_DAMAGED = (
    "the snapshot at position {} is damaged; a state restored from it would be wrong. "
    "Delete it: an earlier snapshot and the facts after it give the same state"
)


def _batches(keys: Sequence[_Key]) -> Iterator[Sequence[_Key]]:
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))


def _check_gapless(facts: Sequence[Fact], first: int, last: int) -> None:
    """Refuse a batch that does not hold every position from `first` to `last`."""
    if [fact[0] for fact in facts] != list(range(first, last + 1)):
        raise CorruptStore(
            f"facts are missing between positions {first} and {last}; a state folded without them would be wrong. "
            "`damaged_positions()` lists them; restore a backup"
        )

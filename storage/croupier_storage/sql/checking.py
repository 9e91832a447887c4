# ruff: noqa: D102  (the methods are documented in `Storage`)
"""Verification of row checksums in SQL."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import func, select

from croupier_storage.encoding.checksums import digests
from croupier_storage.errors import CorruptStore
from croupier_storage.sql import schema
from croupier_storage.sql.columns import group_by_types
from croupier_storage.sql.reader import BATCH, FIELDS, SQLReader

_facts = schema.facts.c


class SQLChecker(SQLReader):
    """The part of `Storage` that verifies checksums."""

    def damaged_positions(self, after: int = 0, upto: int | None = None) -> Iterator[int]:
        head = self.head()
        last = head if upto is None else min(upto, head)
        written = self._rows(select(func.max(_facts.position)).where(_facts.position <= last), None)[0][0] or 0
        for start in range(after, min(last, written), BATCH):
            window = range(start + 1, min(start + BATCH, last, written) + 1)
            intact = self._intact_positions(window)
            yield from (position for position in window if position not in intact)
        yield from range(max(after, written) + 1, last + 1)
        if upto is None or upto > head:
            yield from self._positions_past_head(max(after, head), upto)

    def _intact_positions(self, window: range) -> set[int]:
        """The positions of a window whose row exists and matches its checksum."""
        query = select(*FIELDS, _facts.digest).where(_facts.position.between(window[0], window[-1]))
        try:
            rows = self._rows(query, None)
        except CorruptStore:
            if len(window) == 1:
                return set()
            # One unreadable row makes the whole batch fail: bisect until only that row is left out.
            middle = len(window) // 2
            return self._intact_positions(window[:middle]) | self._intact_positions(window[middle:])
        return {position for group in group_by_types(rows).values() for position in _intact(group)}

    def _positions_past_head(self, after: int, upto: int | None) -> Iterator[int]:
        """Positions past the head, where there should be no rows."""
        query = select(_facts.position).order_by(_facts.position).limit(BATCH)
        if upto is not None:
            query = query.where(_facts.position <= upto)
        while rows := self._rows(query.where(_facts.position > after), None):
            yield from (row[0] for row in rows)
            after = rows[-1][0]


def _intact(rows: Sequence[tuple[Any, ...]]) -> list[int]:
    """The positions of the rows that match their checksum; all rows have equal types."""
    *columns, written = zip(*rows, strict=True)
    try:
        found = digests(columns)
    except (TypeError, struct.error):
        return []  # wrong types
    return [position for position, digest, stored in zip(columns[0], found, written, strict=True) if digest == stored]

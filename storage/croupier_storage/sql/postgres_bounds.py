"""Bounds on what a query may return, which the server applies: a driver would have read all of it before counting."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, Select, Text, case, cast, func, null, select
from sqlalchemy.sql.expression import ColumnElement

from croupier_storage.sql.reader import READ_FLOOR


@lru_cache(maxsize=64)
def bounded(query: Select[Any], page: int | None) -> Select[Any]:
    """A query without its rows beyond a number of bytes, and with a last column: whether the row is left empty.

    The sizes are those that PostgreSQL notes beside a value; nothing is decompressed to find them. The row in which the
    limit of the whole query is passed is empty, and no row comes after it.

    Args:
        query: The query.
        page: Bytes after which no more rows are needed; None for all of them.
    """
    rows = query.subquery("q")
    sized = [column for column in rows.c if isinstance(column.type, Text | LargeBinary)]
    own = sum((cast(func.coalesce(func.octet_length(column), 0), BigInteger) for column in sized), cast(0, BigInteger))
    measured = select(*rows.c, own.label("own"), func.sum(own).over(rows=(None, 0)).label("total")).subquery("w")
    most: ColumnElement[int] = READ_FLOOR + func.pg_database_size(func.current_database())
    too_much = case((measured.c.total <= READ_FLOOR, False), else_=measured.c.total > most)
    columns = [
        case((too_much, null()), else_=column).label(None) if original in set(sized) else column
        for original, column in zip(rows.c, measured.c, strict=False)  # without `own` and `total`
    ]
    before = measured.c.total - measured.c.own
    enough = before <= (READ_FLOOR if page is None else page)
    within = enough if page is not None else case((enough, True), else_=before <= most)
    return select(*columns, too_much.label("too_much")).where(within)

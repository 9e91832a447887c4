"""Checks that a SQLite file holds plain tables before anything is read from them.

A view, a virtual table, a trigger, a generated column, a default, a check or an index on an expression is a program
that whoever wrote the file can have run when a table is read or written. What the store does not use is not looked at.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

from croupier_storage.errors import SchemaMismatch
from croupier_storage.sql import schema

_OBJECTS = 1000  # far more tables and indexes than a store has
_PROGRAM = re.compile(r"\b(CHECK|COLLATE|GENERATED|REFERENCES)\b", re.IGNORECASE)
_PARTIAL = re.compile(r"WHERE\s+[\w\"`\[\]]+\s+IS\s+NOT\s+NULL\s*\Z", re.IGNORECASE)
_DEFAULTS = {None, "0", "false", "FALSE"}


def check_tables(connection: sqlite3.Connection) -> None:
    """Refuse a database whose tables of a store's names are anything but plain tables; an empty one is accepted.

    Raises:
        SchemaMismatch: One is not a plain table, or its columns are not those of a store.
    """
    ours = set(schema.metadata.tables)
    listed = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid LIMIT ?", (_OBJECTS + 1,)
    ).fetchall()
    if len(listed) > _OBJECTS:
        raise SchemaMismatch(f"the database has more than {_OBJECTS} tables and indexes; it is not a Croupier store")
    for type, name, table, sql in listed:
        if ours.isdisjoint((str(name).lower(), str(table).lower())):
            continue
        if problem := next(_problems(connection, type, str(name), str(table), sql), None):
            raise SchemaMismatch(
                f"the database has {problem}, which no Croupier store has: reading it could run what somebody else "
                "wrote. Nothing was read. Restore a backup"
            )


def _problems(connection: sqlite3.Connection, type: str, name: str, table: str, sql: object) -> Iterator[str]:
    """What is wrong with one object of a store's table."""
    if type == "table":
        yield from _table_problems(connection, name, str(sql))
    elif type == "index":
        if any(column[1] == -2 for column in connection.execute("SELECT * FROM pragma_index_xinfo(?)", (name,))):
            yield f"an index {name!r} on an expression"
        if sql is not None and re.search(r"\bWHERE\b", str(sql), re.IGNORECASE) and not _PARTIAL.search(str(sql)):
            yield f"an index {name!r} with a condition"
    else:
        yield f"a {type} {name!r} on {table!r}"


def _table_problems(connection: sqlite3.Connection, name: str, sql: str) -> Iterator[str]:
    if not sql.upper().startswith("CREATE TABLE"):
        yield f"a virtual table {name!r}"
    if _PROGRAM.search(sql):
        yield f"a table {name!r} with checks, collations or references"
    columns = connection.execute("SELECT name, dflt_value, hidden FROM pragma_table_xinfo(?)", (name,)).fetchall()
    if any(hidden for _, _, hidden in columns):
        yield f"a table {name!r} with generated columns"
    if any(default not in _DEFAULTS for _, default, _ in columns):
        yield f"a table {name!r} with defaults"

"""Stores changed by somebody who knows how checksums are made."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from croupier_storage import Fact, open_storage
from croupier_storage.encoding.checksums import fact_digest


def file_of(url: str) -> Path:
    """The file of a SQLite store."""
    return Path(url.removeprefix("sqlite:///"))


def facts(url: str, kind: str) -> list[Fact]:
    """The facts of a kind in a store, by position."""
    with open_storage(url, create=False, read_only=True) as storage:
        return list(storage.facts(kinds=[kind]))


def body_of(fact: Fact) -> dict[str, Any]:
    """What the body of a fact says."""
    return dict(orjson.loads(fact.body or b"{}"))


def forge(url: str, fact: Fact, **columns: Any) -> None:
    """Give columns of a logged fact other values, and the row the checksum that belongs to them."""
    forged = fact._replace(**columns)
    changed = ", ".join(f'"{name}" = ?' for name in columns)
    with closing(sqlite3.connect(file_of(url))) as raw, raw:
        done = raw.execute(
            f"update facts set {changed}, digest = ? where position = ?",  # noqa: S608 - columns named by a test
            (*columns.values(), fact_digest(forged), fact.position),
        )
    assert done.rowcount == 1

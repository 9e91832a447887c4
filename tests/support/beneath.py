"""What lies beneath a storage in SQL, for tests that make a database fail or look at what it wrote."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import cast

from sqlalchemy import Connection, Engine

from croupier_storage import Storage


def database(storage: Storage) -> Engine:
    """SQLAlchemy's engine."""
    return cast(Engine, storage._engine)  # type: ignore[attr-defined] # no contract shows it


def writing(storage: Storage) -> AbstractContextManager[Connection]:
    """The transaction in which it writes."""
    return cast("AbstractContextManager[Connection]", storage._writing())  # type: ignore[attr-defined] # likewise

"""Opening the stores and the files that a command names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from croupier.cli.failures import UnreadableFile, reading_file
from croupier.errors import storing
from croupier.log.reader import open_if_url
from croupier_storage import Storage, open_storage


def store_url(store: str) -> str:
    """The URL of a store given as a URL or as the path of a file.

    >>> store_url("shop.db"), store_url("sqlite:////data/shop.db")
    ('sqlite:///shop.db', 'sqlite:////data/shop.db')
    """
    return store if "://" in store else f"sqlite:///{store}"


def is_file(source: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a source is a file with one of these suffixes rather than a store.

    >>> is_file("log.CSV", (".csv",)), is_file("shop.db", (".csv",)), is_file("memory://log.csv", (".csv",))
    (True, False, False)
    """
    return "://" not in source and Path(source).suffix.lower() in suffixes


@contextmanager
def reading_store(store: str) -> Iterator[Storage]:
    """A store, open read-only for the block; it may be open elsewhere."""
    with storing(), open_if_url(store_url(store)) as storage:
        yield storage


@contextmanager
def exclusive_store(store: str) -> Iterator[Storage]:
    """A store, open for writing under its exclusive lease for the block; no engine is built from it."""
    with storing(), open_storage(store_url(store), create=False, lease=True) as storage:
        yield storage


def existing_file(path: Path) -> Path:
    """The path, if a file is there. Raises UnreadableFile."""
    if not path.is_file():
        raise UnreadableFile(f"cannot read {path}: {'it is not a file' if path.exists() else 'no such file'}")
    return path


def read_json(path: Path) -> Any:
    """The JSON in a file. Raises UnreadableFile."""
    with reading_file(path):
        return orjson.loads(path.read_bytes())

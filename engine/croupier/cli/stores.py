"""Opening the stores and the files that a command names."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from croupier.cli.failures import reading_file
from croupier.errors import InputError, UnreadableFile, storing
from croupier.evaluation.datasets.delimited import TextFormat
from croupier.log.reader import open_if_url
from croupier_storage import Storage, open_storage

STORE_SUFFIXES = (".db", ".sqlite", ".sqlite3")


def store_url(store: str) -> str:
    """The URL of a store given as a URL or as the path of a file.

    >>> store_url("shop.db"), store_url("sqlite:////data/shop.db")
    ('sqlite:///shop.db', 'sqlite:////data/shop.db')
    """
    return store if "://" in store else f"sqlite:///{store}"


def is_file(source: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a source is a file with one of these suffixes, or another file of text, rather than a store.

    >>> is_file("log.CSV", (".csv",)), is_file("shop.db", (".csv",)), is_file("memory://log.csv", (".csv",))
    (True, False, False)
    """
    if "://" in source:
        return False
    path = Path(source)
    return path.suffix.lower() in suffixes or (path.suffix.lower() not in STORE_SUFFIXES and _is_text(path))


def _is_text(path: Path) -> bool:
    """Whether a file begins like text; a SQLite database has zero bytes there."""
    if not path.is_file():  # opening a pipe would wait for its writer
        return False
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    return bool(head) and (0 not in head or head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)))


def named_columns(pairs: Sequence[str], example: str) -> dict[str, str]:
    """The columns that are named as ROLE=NAME, by role. Raises InputError."""
    split = [pair.partition("=") for pair in pairs]
    if wrong := ["".join(each) for each in split if not each[1] or not each[2]]:
        raise InputError(f"--column {wrong[0]} is not ROLE=NAME; give for example --column {example}")
    return {role: name for role, _, name in split}


def text_format(encoding: str | None, delimiter: str | None, header: str | None) -> TextFormat:
    """What the command line says of a file of delimited text. Raises InputError."""
    return TextFormat(encoding, delimiter, None if header is None else header.split(","))


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

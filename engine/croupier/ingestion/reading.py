"""Rows out of files: CSV, JSON lines, Parquet. A row that cannot be read is a row all the same."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from croupier.errors import InputError
from croupier.ingestion.mapping import Mapping


class Row(NamedTuple):
    """One row: its number in the file from 1, what it says by column, or why it cannot be read."""

    number: int
    said: dict[str, Any]
    unreadable: str | None = None


Read = Callable[[int], None]  # told how many bytes have been read, or will have been


def rows(file: Path, mapping: Mapping, read: Read) -> Iterator[Row]:
    """The rows of a file, by its suffix: .csv, .jsonl (also .ndjson and .json), .parquet.

    Raises:
        InputError: Another suffix, a file that cannot be opened, or a column of the mapping that a table lacks.
    """
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise InputError(f"{file.name} is none of {', '.join(_READERS)}; rename or convert it")
    try:
        yield from reader(file, mapping, read)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error}") from error


def _lines(opened: BinaryIO, read: Read) -> Iterator[bytes]:
    for line in opened:
        read(len(line))
        yield line


def _csv(file: Path, mapping: Mapping, read: Read) -> Iterator[Row]:
    with file.open("rb") as opened:
        text = (line.decode(mapping.encoding, "surrogateescape") for line in _lines(opened, read))
        table = csv.reader(text, delimiter=mapping.delimiter, strict=True)
        header = next(table, [])
        _check_columns(file, header, mapping)
        yield from (_csv_row(number, cells, header) for number, cells in enumerate(_cells(table), 1))


def _cells(table: Any) -> Iterator[list[str] | str]:
    """Rows of cells; where one cannot be told apart into cells, why."""
    while True:
        try:
            cells = next(table)
        except StopIteration:
            return
        except csv.Error as error:
            yield str(error)
        else:
            if cells:
                yield cells


def _csv_row(number: int, cells: list[str] | str, header: list[str]) -> Row:
    if isinstance(cells, str):
        return Row(number, {}, cells)
    if len(cells) != len(header):
        return Row(number, {"cells": cells}, f"{len(cells)} cells, {len(header)} columns")
    return Row(number, dict(zip(header, cells, strict=True)))


def _json(file: Path, mapping: Mapping, read: Read) -> Iterator[Row]:
    number = 0
    with file.open("rb") as opened:
        for line in _lines(opened, read):
            if line.strip():
                for said in _told(line, mapping.each):
                    number += 1
                    yield said._replace(number=number)


def _told(line: bytes, each: str | None) -> Iterator[Row]:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        yield Row(0, {"line": line.decode("utf-8", "backslashreplace")}, str(error))
        return
    if each is None:
        yield _object(said, {})
        return
    whole = said if isinstance(said, dict) else {}
    elements = whole.get(each)
    if not isinstance(elements, list):
        yield Row(0, {"line": said}, f"no list {each!r}")
        return
    shared = {name: value for name, value in whole.items() if name != each}
    yield from (_object(element, shared) for element in elements)


def _object(said: Any, shared: dict[str, Any]) -> Row:
    return Row(0, {**shared, **said}) if isinstance(said, dict) else Row(0, {"line": said}, "no object")


def _parquet(file: Path, mapping: Mapping, read: Read) -> Iterator[Row]:
    from croupier.evaluation.datasets.tables import arrow

    number, size, parquet = 0, file.stat().st_size, arrow("pyarrow.parquet")
    try:
        with parquet.ParquetFile(file) as table:
            _check_columns(file, table.schema_arrow.names, mapping)
            for batch in table.iter_batches():
                for said in batch.to_pylist():
                    number += 1
                    yield Row(number, {name: _plain(value) for name, value in said.items()})
                read(size * batch.num_rows // max(table.metadata.num_rows, 1))
    except arrow("pyarrow").ArrowException as error:
        raise InputError(f"{file} cannot be read: {error}") from error


def _plain(value: Any) -> Any:
    """Times and the like as text, the rest as it is."""
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _check_columns(file: Path, header: list[str], mapping: Mapping) -> None:
    if len(set(header)) < len(header):
        raise InputError(f"{file.name} has two columns of one name: {header}")
    if lacking := sorted(mapping.columns - set(header)):
        raise InputError(f"{file.name} has no columns {lacking}, of which the mapping speaks; it has {header}")


_READERS: dict[str, Callable[[Path, Mapping, Read], Iterator[Row]]] = {
    ".csv": _csv,
    ".jsonl": _json,
    ".ndjson": _json,
    ".json": _json,
    ".parquet": _parquet,
}

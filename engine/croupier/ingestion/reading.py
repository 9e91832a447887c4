"""Readers of rows: CSV, JSON lines, Parquet. A row that cannot be parsed is yielded with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from croupier.errors import InputError, UnreadableFile
from croupier.evaluation.datasets.delimited import BytesRead, DelimitedText, TextFormat
from croupier.evaluation.datasets.tables import arrow
from croupier.ingestion.mapping import Mapping


class Row(NamedTuple):
    """A row of a file.

    Attributes:
        number: Number of the row, from 1.
        values: Its values by column.
        unreadable: Why it cannot be parsed; None if it can.
    """

    number: int
    values: dict[str, Any]
    unreadable: str | None = None


def rows(file: Path, mapping: Mapping, read: BytesRead) -> Iterator[Row]:
    """The rows of a file, read according to its suffix: .csv, .tsv, .txt, .jsonl (also .ndjson and .json), .parquet.

    Raises:
        InputError: The suffix is another one, or a table lacks a column of the mapping.
        UnreadableFile: The file cannot be read, or its encoding or header must be given in the mapping.
    """
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise InputError(f"unsupported suffix of {file.name}; rename or convert it to one of {', '.join(_READERS)}")
    try:
        yield from reader(file, mapping, read)
    except OSError as error:
        raise UnreadableFile(f"cannot read {file}: {error.strerror or error}") from error


def _lines(opened: BinaryIO, read: BytesRead) -> Iterator[bytes]:
    for line in opened:
        read(len(line))
        yield line


def _delimited(file: Path, mapping: Mapping, read: BytesRead) -> Iterator[Row]:
    given = TextFormat(mapping.encoding, mapping.delimiter, mapping.header)
    text = DelimitedText(file, given, mapping.columns, '"{}" in the mapping')
    _check_columns(file, text.header, mapping, f" ({text.describe()})")
    for number, row in enumerate(text.rows(read), 1):
        values = dict(zip(text.header, row.cells, strict=False)) if row.problem is None else {"cells": row.cells}
        yield Row(number, values, None if row.problem is None else f"line {row.line}: {row.problem}")


def _json(file: Path, mapping: Mapping, read: BytesRead) -> Iterator[Row]:
    number = 0
    with file.open("rb") as opened:
        for line in _lines(opened, read):
            if line.strip():
                for row in _parse_line(line, mapping.each):
                    number += 1
                    yield row._replace(number=number)


def _parse_line(line: bytes, each: str | None) -> Iterator[Row]:
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        yield Row(0, {"line": line.decode("utf-8", "backslashreplace")}, str(error))
        return
    if each is None:
        yield _object(content, {})
        return
    record = content if isinstance(content, dict) else {}
    elements = record.get(each)
    if not isinstance(elements, list):
        yield Row(0, {"line": content}, f"{each!r} is not a list")
        return
    shared = {name: value for name, value in record.items() if name != each}
    yield from (_object(element, shared) for element in elements)


def _object(content: Any, shared: dict[str, Any]) -> Row:
    return Row(0, {**shared, **content}) if isinstance(content, dict) else Row(0, {"line": content}, "not an object")


def _parquet(file: Path, mapping: Mapping, read: BytesRead) -> Iterator[Row]:
    number, size, parquet = 0, file.stat().st_size, arrow("pyarrow.parquet")
    try:
        with parquet.ParquetFile(file) as table:
            _check_columns(file, table.schema_arrow.names, mapping)
            for batch in table.iter_batches():
                for values in batch.to_pylist():
                    number += 1
                    yield Row(number, {name: _json_value(value) for name, value in values.items()})
                read(size * batch.num_rows // max(table.metadata.num_rows, 1))
    except arrow("pyarrow").ArrowException as error:
        raise UnreadableFile(f"cannot read {file}: {error}") from error


def _json_value(value: Any) -> Any:
    """Times and other values that JSON lacks as text, all others unchanged."""
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _check_columns(file: Path, header: list[str], mapping: Mapping, found: str = "") -> None:
    if len(set(header)) < len(header):
        raise InputError(f"{file.name} has two columns of the same name: {header}")
    if missing := sorted(mapping.columns - set(header)):
        raise InputError(f"{file.name} lacks the columns {missing} of the mapping; it has {header}{found}")


_READERS: dict[str, Callable[[Path, Mapping, BytesRead], Iterator[Row]]] = {
    ".csv": _delimited,
    ".tsv": _delimited,
    ".txt": _delimited,
    ".jsonl": _json,
    ".ndjson": _json,
    ".json": _json,
    ".parquet": _parquet,
}

"""Logs in tables: delimited text, JSON lines and Parquet files, data frames, the Open Bandit Dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from croupier.errors import EvidenceError, InputError, UnreadableFile
from croupier.evaluation.datasets.base import BATCH, Batch, Dataset, InMemoryDataset
from croupier.evaluation.datasets.columns import ALIASES, Layout, parse_numbers
from croupier.evaluation.datasets.delimited import DelimitedText, TextFormat, duplicates

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".data")
JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")
DSJSON_SUFFIXES = (".dsjson", ".json")
NUMERIC_SHARE = 0.99  # of the values of a feature, from which one that is not a number is taken for missing
UNSUPPORTED: tuple[type[Exception], ...] = (NotImplementedError, ValueError, TypeError)  # a type that numpy lacks
NOT_JSON, NOT_OBJECT = "malformed: not JSON", "malformed: not an object"


class Csv(Dataset):
    """A file of delimited text with a header; the files of the Open Bandit Dataset can be read directly.

    Args:
        path: The path of the file.
        layout: The roles of the columns; by default those with a usual name.
        given: What is known of the encoding, the delimiter and the header; the rest is found.

    Raises:
        EvidenceError: A named column, the reward or the propensity is absent.
        UnreadableFile: The file cannot be read, or its encoding or header must be given.
    """

    def __init__(self, path: str | Path, layout: Layout | None = None, given: TextFormat | None = None) -> None:
        super().__init__(str(path), "line")
        self.path, self.layout = Path(path), layout or Layout()
        known = {name for names in ALIASES.values() for name in names} | {*self.layout.columns.values()}
        self.text = DelimitedText(path, given, known)
        self.header = self.text.header
        try:
            self.roles = self.layout.roles(self.header)
        except EvidenceError as error:
            raise EvidenceError(f"{error} ({self.text.describe()})") from error
        self.subsampled = "p_drop" in self.roles

    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the file; malformed lines are counted."""
        layout = replace(self.layout, candidates=self.layout.candidates or _affinities(self.header))
        numeric: list[str] | None = None  # features that hold numbers in the first batch
        decimal = "," if self.text.delimiter == ";" else "."
        names, rows = _readable(self.header, self.notes), self.text.rows()
        while chunk := list(islice(rows, BATCH)):
            for row in chunk:
                if row.problem is not None:
                    self.left_out.count(row.problem, row.line)
            whole = [row for row in chunk if row.problem is None]
            if not whole:
                continue
            columns = dict(zip(self.header, zip(*(row.cells for row in whole), strict=True), strict=True))
            table = {name: np.array(columns[name], dtype=object) for name in names}
            if numeric is None:
                numeric = [name for name in layout.features if _numeric(table[name], decimal)]
            for name in numeric:
                table[name] = parse_numbers(table[name], name, decimal)[0]
            texts = {name: table[name].astype(np.str_) for role, name in self.roles.items() if role not in _JSON_ROLES}
            yield layout.batch(table | texts, self.roles, np.array([row.line for row in whole]), decimal)


_JSON_ROLES = ("context", "actions")


def _readable(header: Sequence[str], notes: list[str]) -> list[str]:
    """The columns whose names occur once."""
    twice = duplicates(header)
    notes.extend(f"the columns named {name!r} are not read, because there are several" for name in sorted(twice))
    return [name for name in header if name not in twice]


def _numeric(column: NDArray[Any], decimal: str) -> bool:
    """Whether a column of text holds numbers; empty fields are ignored."""
    _, missing, wrong = parse_numbers(column, "", decimal)
    present = len(column) - int(missing.sum())
    return bool(int(wrong.sum()) <= (1 - NUMERIC_SHARE) * present)


def _affinities(header: Sequence[str]) -> int | None:
    """K of an Open Bandit Dataset file, which has a column of affinity for each item."""
    return sum(name.startswith("user-item_affinity_") for name in header) or None


class JsonLines(Dataset):
    """A file with a JSON object on each line, whose keys are the columns.

    Contexts and candidates may be JSON within JSON, as in the export of a store, or objects and lists.

    Args:
        path: The path of the file.
        layout: As for `Csv`; besides the usual names, `context` and `actions` are recognised.

    Raises:
        EvidenceError: A named column, the reward or the propensity is absent.
        UnreadableFile: The file cannot be read.
    """

    def __init__(self, path: str | Path, layout: Layout | None = None) -> None:
        super().__init__(str(path), "line")
        self.path, self.layout = Path(path), layout or Layout()
        objects = [found for _, found in islice(self._lines(), BATCH) if isinstance(found, dict)]
        present = list(dict.fromkeys(name for found in objects for name in found))
        nested = {name: name for name in _JSON_ROLES if name in present and name not in self.layout.columns}
        self.layout = replace(self.layout, columns={**nested, **self.layout.columns})
        self.roles = self.layout.roles(present)
        self.subsampled = "p_drop" in self.roles
        self._present = present

    def _lines(self) -> Iterator[tuple[int, dict[str, Any] | str]]:
        """The object of every line, or what is wrong."""
        try:
            with self.path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if text := line.removeprefix(b"\xef\xbb\xbf").strip():
                        yield number, _parse_object(text)
        except OSError as error:
            raise UnreadableFile(f"cannot read {self.path}: {error.strerror or error}") from error

    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the file; malformed lines are counted."""
        lines = self._lines()
        while chunk := list(islice(lines, BATCH)):
            objects: list[dict[str, Any]] = []
            numbers: list[int] = []
            for number, found in chunk:
                if isinstance(found, str):
                    self.left_out.count(found, number)
                else:
                    objects.append(found)
                    numbers.append(number)
            if objects:
                table = {name: object_column([each.get(name) for each in objects]) for name in self._present}
                yield self.layout.batch(table, self.roles, np.array(numbers))


def _parse_object(text: bytes) -> dict[str, Any] | str:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return NOT_JSON
    return found if isinstance(found, dict) else NOT_OBJECT


def object_column(values: Sequence[Any]) -> NDArray[Any]:
    """Values as a column of shape (n,), whatever they are; lists are not taken for a second axis."""
    column = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        column[row] = value
    return column


def _table(
    columns: Mapping[str, Any], needed: Set[str], notes: list[str], errors: tuple[type[Exception], ...] = UNSUPPORTED
) -> dict[str, NDArray[Any]]:
    """Columns of a frame or a file as arrays; those of types that numpy lacks are left out, with a note.

    Args:
        columns: The columns by name.
        needed: Those with a role, without which nothing can be read.
        notes: Receives the notes.
        errors: What the library of the columns raises for such a type.

    Raises:
        InputError: A column that is needed has such a type.
    """
    table: dict[str, NDArray[Any]] = {}
    for name, column in columns.items():
        try:
            table[name] = _as_array(column)
        except errors as error:
            if name in needed:
                raise InputError(f"the column {name!r} cannot be read: {error}") from error
            kind = getattr(column, "type", None) or getattr(column, "dtype", None) or type(column).__name__
            note = f"the column {name!r} of type {kind} is not read"
            notes.extend([] if note in notes else [note])
    return table


def _as_array(column: Any) -> NDArray[Any]:
    """A column as an array; missing values as None: as NaN they would make floats of integers, which lose long ids."""
    if isinstance(column, np.ma.MaskedArray):
        return object_column(column.tolist())
    if (as_list := getattr(column, "to_pylist", None)) is not None and column.null_count:  # pyarrow's
        return object_column(as_list())
    return np.asarray(column)


class Parquet(Dataset):
    """A Parquet file, read in batches; it needs `croupier[arrow]`.

    Args:
        path: The path of the file.
        layout: As for `Csv`.

    Raises:
        EvidenceError: A named column, the reward or the propensity is absent.
        InputError: pyarrow is not installed.
        UnreadableFile: The file cannot be read.
    """

    def __init__(self, path: str | Path, layout: Layout | None = None) -> None:
        super().__init__(str(path))
        self._errors = (OSError, arrow("pyarrow").ArrowException)
        try:
            self.file = arrow("pyarrow.parquet").ParquetFile(path, pre_buffer=False)
        except self._errors as error:
            raise UnreadableFile(f"cannot read {path}: {error}") from error
        self.layout = layout or Layout()
        self.roles = self.layout.roles(self.file.schema_arrow.names)
        self._needed = {*self.roles.values(), *self.layout.features}
        self.subsampled = "p_drop" in self.roles

    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the file."""
        start, header = 1, self.file.schema_arrow.names
        names, chunks = _readable(header, self.notes), self.file.iter_batches(BATCH)
        while (chunk := self._next(chunks)) is not None:
            table = _table(
                {name: chunk.column(name) for name in names}, self._needed, self.notes, (*self._errors, *UNSUPPORTED)
            )
            yield self.layout.batch(table, self.roles, np.arange(start, start + chunk.num_rows))
            start += chunk.num_rows

    def _next(self, chunks: Iterator[Any]) -> Any:
        try:
            return next(chunks, None)
        except self._errors as error:
            raise UnreadableFile(f"cannot read {self.name}: {error}") from error

    @property
    def size(self) -> int:
        """Rows."""
        return int(self.file.metadata.num_rows)


def arrow(module: str) -> Any:
    """A module of pyarrow, imported on first use. Raises InputError where it is not installed."""
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise InputError("Parquet and Arrow need pyarrow: pip install 'croupier[arrow]'") from error


def from_frame(
    frame: Any,
    columns: Mapping[str, str] | None = None,
    candidates: int | None = None,
    *,
    features: Sequence[str] = (),
    actions: Sequence[str] = (),
) -> InMemoryDataset:
    """A data frame, or any mapping from names to columns.

    Args:
        frame: pandas, polars, a pyarrow table, or a dict of arrays.
        columns: By role (`reward`, `propensity`, `action`, `candidates`, `at`, `event`, `p_drop`, `status`, `context`,
            `actions`) the column; by default the one with a usual name.
        candidates: K, where no column has it.
        features: The columns that form the context, for policies to be replayed.
        actions: The candidates, the same in every row, for policies to be replayed.

    Raises:
        EvidenceError: A named column, the reward or the propensity is absent.
        InputError: It is not a data frame, or a column has another shape, length or type; the message names it.

    >>> log = from_frame({"reward": [0.0, 1.0], "propensity": [0.5, 0.5], "action": ["a", "b"]}, candidates=2)
    >>> log.columns.candidates.tolist()
    [2.0, 2.0]
    """
    layout = Layout(columns or {}, candidates, features, actions)
    names = {str(name): name for name in _names(frame)}
    roles = layout.roles(header := [str(name) for name in _names(frame)])
    notes: list[str] = []
    columns_read = {name: frame[names[name]] for name in _readable(header, notes)}
    table = _table(columns_read, {*roles.values(), *features}, notes)
    lengths = {name: column.shape for name, column in table.items() if column.ndim != 1}
    if lengths:
        name, shape = next(iter(lengths.items()))
        raise InputError(f"the column {name!r} has the shape {shape}; give one value for each row, shape (n,)")
    n = len(table[roles["reward"]])
    if other := [name for name, column in table.items() if len(column) != n]:
        raise InputError(f"the column {other[0]!r} has {len(table[other[0]]):,} values and the reward has {n:,}")
    return InMemoryDataset(layout.batch(table, roles), "frame", roles, notes)


def _names(frame: Any) -> list[Any]:
    """The names of the columns of a data frame, a table or a mapping."""
    if isinstance(frame, Mapping):
        return list(frame)
    for attribute in ("column_names", "columns"):  # pyarrow; pandas and polars
        if (names := getattr(frame, attribute, None)) is not None and not callable(names):
            return [str(name) if attribute == "column_names" else name for name in names]
    raise InputError(f"a {type(frame).__name__} is no data frame; give one, or a mapping of names to columns")


def from_path(
    path: str | Path,
    columns: Mapping[str, str] | None = None,
    candidates: int | None = None,
    *,
    features: Sequence[str] = (),
    actions: Sequence[str] = (),
    encoding: str | None = None,
    delimiter: str | None = None,
    header: Sequence[str] | None = None,
) -> Dataset:
    """The log in a file: delimited text, JSON lines, Parquet or dsjson, according to its suffix.

    Args:
        path: A `.csv`, `.tsv`, `.txt`, `.dat`, `.jsonl`, `.ndjson`, `.parquet`, `.dsjson` or `.json` file.
        columns: As for `from_frame`, as are the next three.
        candidates: K, where no column has it.
        features: The columns that form the context.
        actions: The candidates, the same in every row.
        encoding: The encoding of delimited text; by default found: a byte-order mark, or else UTF-8.
        delimiter: The delimiter of delimited text; by default found from the first lines.
        header: The names of the columns of delimited text without a header line.

    Raises:
        EvidenceError: A named column, the reward or the propensity is absent.
        InputError: The file has another suffix, or a role is unknown.
        UnreadableFile: The file cannot be read, or its encoding or header must be given.
    """
    from croupier.evaluation.datasets.dsjson import DsJson

    suffix, layout = Path(path).suffix.lower(), Layout(columns or {}, candidates, features, actions)
    given = TextFormat(encoding, delimiter, header)
    if suffix in TEXT_SUFFIXES:
        return Csv(path, layout, given)
    if given != TextFormat():
        raise InputError(f"encoding, delimiter and header apply only to delimited text, and {path} is not; omit them")
    if suffix in DSJSON_SUFFIXES:
        return DsJson(path)
    if suffix in JSON_LINES_SUFFIXES:
        return JsonLines(path, layout)
    if suffix == ".parquet":
        return Parquet(path, layout)
    raise InputError(
        f"{path} is not a .csv, .jsonl, .parquet or .dsjson file, so its format is not known; rename or convert it"
    )

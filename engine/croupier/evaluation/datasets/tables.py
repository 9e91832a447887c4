"""Logs in tables: CSV and Parquet files, data frames, the Open Bandit Dataset."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.base import BATCH, Batch, Dataset, InMemoryDataset
from croupier.evaluation.datasets.columns import Layout, to_floats


class Csv(Dataset):
    """A CSV file with a header; the files of the Open Bandit Dataset can be read directly.

    Args:
        path: The path of the file.
        layout: The roles of the columns; by default those with a usual name.
    """

    def __init__(self, path: str | Path, layout: Layout | None = None) -> None:
        super().__init__(str(path))
        self.path, self.layout = Path(path), layout or Layout()
        with self.path.open(newline="", encoding="utf-8") as file:
            self.header = next(csv.reader(file), [])
        self.roles = self.layout.roles(self.header)
        self.subsampled = "p_drop" in self.roles

    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the file. Lines with a different number of fields than the header are skipped."""
        layout = replace(self.layout, candidates=self.layout.candidates or _affinities(self.header))
        numeric: list[str] | None = None  # features that hold numbers in the first batch
        with self.path.open(newline="", encoding="utf-8") as file:
            lines = islice(csv.reader(file), 1, None)
            while chunk := list(islice(lines, BATCH)):
                whole = [line for line in chunk if len(line) == len(self.header)]
                if len(whole) < len(chunk):
                    self.skipped["malformed: a different number of fields than the header"] += len(chunk) - len(whole)
                columns = zip(self.header, zip(*whole, strict=True), strict=True) if whole else ()
                table = {name: np.array(column) for name, column in columns}
                if whole:
                    numeric = (
                        [name for name in layout.features if _numeric(table[name])] if numeric is None else numeric
                    )
                    yield layout.batch(table | {name: to_floats(table[name], name) for name in numeric}, self.roles)


def _numeric(column: NDArray[np.generic]) -> bool:
    """Whether a column of text holds numbers; empty fields are ignored."""
    try:
        to_floats(column, "")
    except EvidenceError:
        return False
    return True


def _affinities(header: Sequence[str]) -> int | None:
    """K of an Open Bandit Dataset file, which has a column of affinity for each item."""
    return sum(name.startswith("user-item_affinity_") for name in header) or None


class Parquet(Dataset):
    """A Parquet file, read in batches; it needs `croupier[arrow]`.

    Args:
        path: The path of the file.
        layout: As for `Csv`.

    Raises:
        InputError: pyarrow is not installed.
    """

    def __init__(self, path: str | Path, layout: Layout | None = None) -> None:
        super().__init__(str(path))
        self.file, self.layout = arrow("pyarrow.parquet").ParquetFile(path, pre_buffer=False), layout or Layout()
        self.roles = self.layout.roles(self.file.schema_arrow.names)
        self.subsampled = "p_drop" in self.roles

    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the file."""
        for chunk in self.file.iter_batches(BATCH):
            table = {name: chunk.column(name).to_numpy(zero_copy_only=False) for name in chunk.schema.names}
            yield self.layout.batch(table, self.roles)

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
        columns: By role (`reward`, `propensity`, `action`, `candidates`, `at`, `p_drop`, `status`, `context`,
            `actions`) the column; by default the one with a usual name.
        candidates: K, where no column has it.
        features: The columns that form the context, for policies to be replayed.
        actions: The candidates, the same in every row, for policies to be replayed.

    >>> log = from_frame({"reward": [0.0, 1.0], "propensity": [0.5, 0.5], "action": ["a", "b"]}, candidates=2)
    >>> log.columns.candidates.tolist()
    [2.0, 2.0]
    """
    names = list(getattr(frame, "column_names", None) or frame.keys())
    layout = Layout(columns or {}, candidates, features, actions)
    table = {name: np.asarray(frame[name]) for name in names}
    return InMemoryDataset(layout.batch(table, layout.roles(names)), "frame")


def from_path(
    path: str | Path,
    columns: Mapping[str, str] | None = None,
    candidates: int | None = None,
    *,
    features: Sequence[str] = (),
    actions: Sequence[str] = (),
) -> Dataset:
    """The log in a `.csv`, `.parquet`, `.dsjson` or `.json` file; the other arguments are those of `from_frame`.

    Raises:
        EvidenceError: A named column, the reward or the propensity is absent.
        InputError: The file has another suffix, or a role is unknown.
    """
    from croupier.evaluation.datasets.dsjson import DsJson

    kind = Path(path).suffix.lower()
    if kind in (".dsjson", ".json"):
        return DsJson(path)
    if kind in (".csv", ".parquet"):
        return (Csv if kind == ".csv" else Parquet)(path, Layout(columns or {}, candidates, features, actions))
    raise InputError(
        f"{path} is not a .csv, .parquet or .dsjson file, so its format is not known; rename or convert it"
    )

"""Logs in tables: CSV and Parquet files, data frames, the Open Bandit Dataset and its pipeline's dictionaries."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.base import BATCH, Arrays, Batch, Dataset
from croupier.evaluation.datasets.columns import ALIASES, assigned, batch
from croupier_policies import Vector


class Csv(Dataset):
    """A CSV file with a header; the Open Bandit Dataset's own files are read as they are.

    Args:
        path: Of the file.
        columns: By role (`reward`, `propensity`, `action`, `candidates`, `at`, `p_drop`) the column; by default
            whichever has one of the usual names.
        candidates: K, where no column says it.
    """

    def __init__(
        self, path: str | Path, columns: Mapping[str, str] | None = None, candidates: int | None = None
    ) -> None:
        super().__init__(str(path))
        self.path, self.given, self.candidates = Path(path), dict(columns or {}), candidates

    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the file. Lines of another length than the header are left out."""
        with self.path.open(newline="", encoding="utf-8") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            roles = assigned(header, self.given)
            known = self.candidates or _affinities(header)
            while chunk := list(islice(lines, BATCH)):
                whole = [line for line in chunk if len(line) == len(header)]
                if len(whole) < len(chunk):
                    self.left_out["malformed: another number of fields than the header"] += len(chunk) - len(whole)
                table = {name: np.array(column) for name, column in zip(header, zip(*whole, strict=True), strict=True)}
                if whole:
                    yield _with_candidates(batch(table, roles), known)


def _affinities(header: Sequence[str]) -> int | None:
    """K of an Open Bandit Dataset file: it has a column of affinity for each item."""
    return sum(name.startswith("user-item_affinity_") for name in header) or None


def _with_candidates(rows: Batch, known: int | None) -> Batch:
    if rows.candidates is not None or known is None:
        return rows
    return Batch(
        rows.reward, rows.propensity, rows.action, np.full(len(rows), float(known)), rows.at, rows.copies, rows.others
    )


class Parquet(Dataset):
    """A Parquet file, read in batches; it needs `croupier[arrow]`.

    Args:
        path: Of the file.
        columns: As for `Csv`.
        candidates: K, where no column says it.

    Raises:
        InputError: pyarrow is not installed.
    """

    def __init__(
        self, path: str | Path, columns: Mapping[str, str] | None = None, candidates: int | None = None
    ) -> None:
        super().__init__(str(path))
        self.file = arrow("pyarrow.parquet").ParquetFile(path)
        self.roles = assigned(self.file.schema_arrow.names, columns or {})
        self.candidates = candidates

    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the file."""
        for part in self.file.iter_batches(BATCH):
            table = {name: part.column(name).to_numpy(zero_copy_only=False) for name in part.schema.names}
            yield _with_candidates(batch(table, self.roles), self.candidates)

    @property
    def size(self) -> int:
        """Rows."""
        return int(self.file.metadata.num_rows)


def arrow(module: str) -> Any:
    """A module of pyarrow, imported when it is first needed. Raises InputError where it is not installed."""
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise InputError("Parquet and Arrow need pyarrow: pip install 'croupier[arrow]'") from error


def from_frame(frame: Any, columns: Mapping[str, str] | None = None, candidates: int | None = None) -> Arrays:
    """A data frame, or any mapping from names to columns.

    Args:
        frame: pandas, polars, a pyarrow table, or a dict of arrays.
        columns: As for `Csv`.
        candidates: K, where no column says it.

    >>> log = from_frame({"reward": [0.0, 1.0], "propensity": [0.5, 0.5], "action": ["a", "b"]}, candidates=2)
    >>> log.columns.candidates.tolist()
    [2.0, 2.0]
    """
    names = list(getattr(frame, "column_names", None) or frame.keys())
    roles = assigned(names, columns or {})
    table = {name: np.asarray(frame[name]) for name in names}
    return Arrays(_with_candidates(batch(table, roles), candidates), "frame")


def from_obp(
    feedback: Mapping[str, Any],
    targets: Mapping[str, NDArray[np.float64]] | None = None,
    estimated: NDArray[np.float64] | None = None,
) -> Arrays:
    """A `bandit_feedback` dictionary of the Open Bandit Pipeline.

    Args:
        feedback: With `n_rounds`, `n_actions`, `action`, `reward`, `pscore` and `position` (None for one position).
        targets: By name the π of target policies, `action_dist` of shape (n, K, positions) or (K, positions); ask for
            `column:NAME`, or with `estimated` for `column:NAME:NAME v`.
        estimated: q̂, shape (n, K, positions).

    Raises:
        EvidenceError: It holds no propensities.
    """
    if feedback.get("pscore") is None:
        raise EvidenceError("the feedback has no pscore: without logged propensities there is nothing to weigh by")
    action, place = np.asarray(feedback["action"]), feedback.get("position")
    row = np.arange(len(action))
    place = np.zeros(len(action), dtype=int) if place is None else np.asarray(place)
    others: dict[str, Vector] = {}
    for name, dist in (targets or {}).items():
        own = np.broadcast_to(dist, (len(action), *dist.shape[-2:]))[row, :, place]
        others[name] = np.ascontiguousarray(own[row, action])
        if estimated is not None:
            others[f"{name} v"] = (own * estimated[row, :, place]).sum(axis=1)
    if estimated is not None:
        others["q"] = estimated[row, action, place]
    reward, p = (np.asarray(feedback[name], dtype=np.float64) for name in ("reward", "pscore"))
    candidates = np.full(len(action), float(feedback["n_actions"]))
    return Arrays(Batch(reward, p, action.astype(np.str_), candidates, others=others), "obp")


def from_path(path: str | Path, columns: Mapping[str, str] | None = None, candidates: int | None = None) -> Dataset:
    """The log in a file, by the end of its name: `.csv`, `.parquet`, `.dsjson` or `.json`.

    Raises:
        InputError: It ends otherwise, or a column of none of the known roles is given.
    """
    from croupier.evaluation.datasets.dsjson import DsJson

    kind = Path(path).suffix.lower()
    if kind in (".dsjson", ".json"):
        return DsJson(path)
    if kind in (".csv", ".parquet"):
        return (Csv if kind == ".csv" else Parquet)(path, columns, candidates)
    raise InputError(f"{path} is no .csv, .parquet or .dsjson file; columns go by {', '.join(ALIASES)}")

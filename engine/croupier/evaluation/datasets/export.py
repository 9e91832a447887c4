"""Export to Arrow, Parquet, CSV and columns in memory."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError
from croupier.evaluation.datasets.base import Batch, Dataset
from croupier.evaluation.datasets.tables import arrow
from croupier.evaluation.passes.status import DecisionStatus
from croupier.log.files import private_file


def export_columns(batch: Batch, subsampled: bool = False) -> dict[str, NDArray[np.generic]]:
    """The columns of a batch by the names under which they are read again, with the status of every reward.

    Args:
        batch: The rows.
        subsampled: Whether any batch of the log has subsampling weights.
    """
    status = batch.status
    subsampling = np.ones(len(batch)) if subsampled and batch.subsampling is None else batch.subsampling
    named: Mapping[str, NDArray[np.generic] | None] = {
        "reward": batch.reward,
        "propensity": batch.propensity,
        "action": batch.action,
        "candidates": batch.candidates,
        "at": batch.at,
        "p_drop": None if subsampling is None else 1.0 - 1.0 / subsampling,
        "reward_status": np.full(len(batch), DecisionStatus.OBSERVED.value) if status is None else status,
        **batch.others,
        "event_id": None if "id" in batch.others else batch.event,
    }
    return {name: column for name, column in named.items() if column is not None}


def to_columns(dataset: Dataset) -> dict[str, NDArray[np.generic]]:
    """All rows as columns by name, as `pandas.DataFrame` and `polars.DataFrame` accept them.

    Raises:
        EvidenceError: The log has no row.

    >>> from croupier.evaluation.datasets import from_frame
    >>> to_columns(from_frame({"reward": [0.0], "propensity": [0.5]}))["reward_status"].tolist()
    ['observed']
    """
    batches = [export_columns(batch, dataset.subsampled) for batch in dataset.batches()]
    if not batches:
        raise EvidenceError(f"{dataset.name} has no row; skipped: {dict(dataset.left_out)}")
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def to_csv(dataset: Dataset, path: str | Path) -> int:
    """Write the rows to a CSV file, batch by batch, and return their number; a missing reward is an empty field."""
    rows = 0
    with private_file(path, text=True) as file:
        writer = csv.writer(file)
        for batch in dataset.batches():
            named = export_columns(batch, dataset.subsampled)
            if not rows:
                writer.writerow(named)
            values = [["" if value != value else value for value in column.tolist()] for column in named.values()]
            writer.writerows(zip(*values, strict=True))
            rows += len(batch)
    return rows


def to_arrow(dataset: Dataset) -> Any:
    """All rows as a pyarrow table; for logs that fit in memory. It needs `croupier[arrow]`."""
    pa = arrow("pyarrow")
    return pa.Table.from_batches([_record(batch, dataset.subsampled) for batch in dataset.batches()])


def to_parquet(dataset: Dataset, path: str | Path) -> int:
    """Write the rows to a Parquet file, batch by batch, and return their number. It needs `croupier[arrow]`."""
    pq, rows, writer = arrow("pyarrow.parquet"), 0, None
    with private_file(path) as file:
        try:
            for batch in dataset.batches():
                record = _record(batch, dataset.subsampled)
                writer = writer or pq.ParquetWriter(file, record.schema)
                writer.write_batch(record)
                rows += len(batch)
        finally:
            if writer is not None:
                writer.close()
    return rows


def _record(batch: Batch, subsampled: bool) -> Any:
    """A record batch; a missing reward is null."""
    pa = arrow("pyarrow")
    named = {
        name: pa.array(column, from_pandas=name == "reward")
        for name, column in export_columns(batch, subsampled).items()
    }
    return pa.RecordBatch.from_pydict(named)

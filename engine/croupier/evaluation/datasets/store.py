"""A store's decisions as columns, and columns as Arrow and Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from croupier.evaluation.datasets.base import BATCH, Batch, Dataset
from croupier.evaluation.datasets.tables import arrow
from croupier.evaluation.source import Source, opened
from croupier.log import batches


class StoreRows(Dataset):
    """The decisions of a store that have a reward, with what they earned by now.

    Only what is logged is read: no policy is rebuilt. `evaluate` on the store itself knows far more.

    Args:
        url: Of the store.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url

    def read(self) -> Iterator[Batch]:
        """The rows, in order of position; the decision's id and position are among the others."""
        with opened(self.url) as source:
            for rows in batches(self._rows(source), BATCH):
                reward, p, action, candidates, at, position, id = zip(*rows, strict=True)
                columns = (np.array(column, dtype=np.float64) for column in (reward, p, candidates, at))
                r, p_, k, t = columns
                others = {"id": np.array(id, dtype=np.str_), "position": np.array(position, dtype=np.int64)}
                yield Batch(r, p_, np.array(action, dtype=np.str_), k, t, others=others)

    def _rows(self, source: Source) -> Iterator[tuple[Any, ...]]:
        rule, log = source.configuration.rewards, source.log
        for batch in batches(log.standings(source.head, rule), log.batch):
            decoded = log.decoded(fact for fact, _ in batch)
            for (fact, decided), (_, standing) in zip(decoded, batch, strict=True):
                reward = standing.effective(rule)
                if reward is None:
                    self.left_out["no reward"] += 1
                    continue
                actions = decided.actions
                yield reward, decided.propensity, fact.action, len(actions), fact.at, fact.position, fact.id


def to_arrow(dataset: Dataset) -> Any:
    """All rows as a pyarrow table; for a log that fits into memory. It needs `croupier[arrow]`."""
    pa = arrow("pyarrow")
    return pa.Table.from_batches([_record(batch) for batch in dataset.batches()])


def to_parquet(dataset: Dataset, path: str | Path) -> int:
    """Write the rows to a Parquet file, batch by batch, and return how many there were. It needs `croupier[arrow]`."""
    pq, rows, writer = arrow("pyarrow.parquet"), 0, None
    try:
        for batch in dataset.batches():
            record = _record(batch)
            writer = writer or pq.ParquetWriter(path, record.schema)
            writer.write_batch(record)
            rows += len(batch)
    finally:
        if writer is not None:
            writer.close()
    return rows


def _record(batch: Batch) -> Any:
    copies = batch.copies
    named = {
        "reward": batch.reward,
        "propensity": batch.propensity,
        "action": batch.action,
        "candidates": batch.candidates,
        "at": batch.at,
        "p_drop": None if copies is None else 1.0 - 1.0 / copies,
        **batch.others,
    }
    pa = arrow("pyarrow")
    return pa.RecordBatch.from_pydict({name: pa.array(column) for name, column in named.items() if column is not None})

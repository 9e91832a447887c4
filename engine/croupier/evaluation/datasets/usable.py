"""The usable rows of a log."""

from __future__ import annotations

from collections import Counter

import numpy as np

from croupier.evaluation.datasets.base import Batch
from croupier.evaluation.passes.status import USABLE, DecisionStatus


def usable_rows(batch: Batch, statuses: Counter[str]) -> Batch:
    """The rows with a usable reward; the number of rows of every status is added to `statuses`.

    >>> batch = Batch(np.array([1.0, np.nan]), np.ones(2), status=np.array(["observed", "retracted"]))
    >>> statuses = Counter()
    >>> usable_rows(batch, statuses).reward.tolist(), statuses["retracted"]
    ([1.0], 1)
    """
    if batch.status is None:
        statuses[DecisionStatus.OBSERVED.value] += len(batch)
        return batch
    names, counts = np.unique(batch.status, return_counts=True)
    statuses.update(dict(zip(names.tolist(), counts.tolist(), strict=True)))
    kept = np.isin(batch.status, [each.value for each in USABLE])
    return batch if kept.all() else batch.select(kept)

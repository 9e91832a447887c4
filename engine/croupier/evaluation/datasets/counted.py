"""Which rows of a log count in an estimate."""

from __future__ import annotations

from collections import Counter

import numpy as np

from croupier.errors import EvidenceError
from croupier.evaluation.datasets.base import Batch
from croupier.evaluation.passes.status import COUNTED, Status

KNOWN = tuple(each.value for each in Status)


def counted(batch: Batch, statuses: Counter[str]) -> Batch:
    """The rows whose reward counts; how many there were of every status is added to `statuses`.

    Raises:
        EvidenceError: A status is none of those there are.

    >>> batch = Batch(np.array([1.0, np.nan]), np.ones(2), status=np.array(["observed", "retracted"]))
    >>> statuses = Counter()
    >>> counted(batch, statuses).reward.tolist(), statuses["retracted"]
    ([1.0], 1)
    """
    if batch.status is None:
        statuses[Status.OBSERVED.value] += len(batch)
        return batch
    names, counts = np.unique(batch.status, return_counts=True)
    unknown = [name for name in names.tolist() if name not in KNOWN]
    if unknown:
        raise EvidenceError(f"no decision can be {unknown[0]!r}: the column of statuses holds {', '.join(KNOWN)}")
    statuses.update(dict(zip(names.tolist(), counts.tolist(), strict=True)))
    kept = np.isin(batch.status, [each.value for each in COUNTED])
    return batch if kept.all() else batch.part(kept)

"""Import and export of the dictionaries of the Open Bandit Pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError
from croupier.evaluation.datasets.base import Batch, Dataset, InMemoryDataset
from croupier.evaluation.datasets.rounds import Rounds, from_matrix
from croupier.evaluation.datasets.usable import usable_rows
from croupier_policies import Actions, Vector


def from_obp(
    feedback: Mapping[str, Any],
    targets: Mapping[str, NDArray[np.float64]] | None = None,
    estimated: NDArray[np.float64] | None = None,
) -> InMemoryDataset:
    """A `bandit_feedback` dictionary of the Open Bandit Pipeline.

    Args:
        feedback: With `n_rounds`, `n_actions`, `action`, `reward`, `pscore` and `position` (None for one position);
            where it has a `context`, of shape (n, d), policies can be replayed on it.
        targets: By name the π of target policies, `action_dist` of shape (n, K, positions) or (K, positions); their
            specifications are `column:NAME`, or with `estimated` `column:NAME:NAME v`.
        estimated: q̂, shape (n, K, positions).

    Raises:
        EvidenceError: It has no propensities.
    """
    if feedback.get("pscore") is None:
        raise EvidenceError(
            "the feedback has no pscore, and without logged propensities there are no importance weights; log pscore"
        )
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
    candidates, rounds = np.full(len(action), float(feedback["n_actions"])), _rounds(feedback, action, p)
    return InMemoryDataset(Batch(reward, p, action.astype(np.str_), candidates, rounds=rounds, others=others), "obp")


def _rounds(feedback: Mapping[str, Any], action: NDArray[np.int64], propensity: Vector) -> Rounds | None:
    if feedback.get("context") is None:
        return None
    actions = Actions(tuple(map(str, range(feedback["n_actions"]))))
    return from_matrix(np.asarray(feedback["context"], dtype=np.float64), actions, action, propensity)


def to_obp(dataset: Dataset) -> dict[str, Any]:
    """The rows as a `bandit_feedback` dictionary, all of them in memory.

    Actions are numbered in the order of their ids, which are in `actions`. Decisions without a usable reward cannot be
    represented and are left out; the number of decisions of each status is in `statuses`.

    Raises:
        EvidenceError: The log has no actions, or no row with a reward.

    >>> log = InMemoryDataset(Batch(np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array(["new", "sale"])))
    >>> to_obp(log)["action"].tolist(), to_obp(log)["actions"]
    ([0, 1], ['new', 'sale'])
    """
    statuses: Counter[str] = Counter()
    batches = [usable_rows(batch, statuses) for batch in dataset.batches()]
    kept = [batch for batch in batches if len(batch)]
    if not kept or any(batch.action is None for batch in kept):
        raise EvidenceError(f"{dataset.name} has no row with a reward and an action; left out: {dict(statuses)}")
    named = np.concatenate([batch.action for batch in kept if batch.action is not None])
    names, action = np.unique(named, return_inverse=True)
    offered = [batch.candidates.max() for batch in kept if batch.candidates is not None]
    return {
        "n_rounds": len(action),
        "n_actions": int(max([len(names), *offered])),
        "actions": names.tolist(),
        "context": _matrix(kept),
        "action_context": None,
        "action": action,
        "position": None,
        "reward": np.concatenate([batch.reward for batch in kept]),
        "expected_reward": None,
        "pi_b": None,
        "pscore": np.concatenate([batch.propensity for batch in kept]),
        "statuses": dict(statuses),
    }


def _matrix(batches: list[Batch]) -> NDArray[np.float64] | None:
    """Contexts of shape (n, d); None where they are not arrays of numbers."""
    rows = [round.decision.context for batch in batches if batch.rounds is not None for round in batch.rounds()]
    arrays = [row for row in rows if isinstance(row, np.ndarray)]
    return np.array(arrays) if len(arrays) == sum(map(len, batches)) else None

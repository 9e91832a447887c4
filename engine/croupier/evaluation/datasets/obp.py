"""Import and export of the dictionaries of the Open Bandit Pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.base import Batch, Dataset, InMemoryDataset, Mask, Round, Rounds
from croupier.evaluation.datasets.columns import parse_numbers
from croupier.evaluation.datasets.rounds import from_matrix
from croupier.evaluation.datasets.usable import usable_rows
from croupier_policies import Actions, Vector

MAX_ACTIONS = 1 << 31


def from_obp(
    feedback: Mapping[str, Any],
    targets: Mapping[str, NDArray[np.float64]] | None = None,
    estimated: NDArray[np.float64] | None = None,
) -> InMemoryDataset:
    """A `bandit_feedback` dictionary of the Open Bandit Pipeline.

    Args:
        feedback: With `n_rounds`, `n_actions`, `action`, `reward`, `pscore` and `position` (None for one position);
            where it has a `context`, of shape (n, d), policies can be replayed on it.
        targets: By name the π of target policies, `action_dist` of shape (n, K, positions), (n, K) where there is one
            position, or (K, positions) where it is the same for every row; their specifications are `column:NAME`, or
            with `estimated` `column:NAME:NAME v`.
        estimated: q̂, of any of these shapes.

    Raises:
        EvidenceError: It has no propensities.
        InputError: A field is absent, or has another shape or type; the message names it.
    """
    if not isinstance(feedback, Mapping):
        raise InputError(f"the feedback is a {type(feedback).__name__}; give the dictionary of the pipeline")
    if feedback.get("pscore") is None:
        raise EvidenceError(
            "the feedback has no pscore, and without logged propensities there are no importance weights; log pscore"
        )
    absent = [name for name in ("n_actions", "action", "reward") if feedback.get(name) is None]
    if absent:
        raise InputError(f"the feedback has no {absent[0]}; it has {', '.join(map(str, feedback))}")
    k = feedback["n_actions"]
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= MAX_ACTIONS:
        raise InputError(f"n_actions is {k!r}; give the number of actions, 1 to {MAX_ACTIONS:,}")
    table = {name: _column(feedback[name], name) for name in ("reward", "pscore", "action")}
    n = len(table["action"])
    action, bad_action = _indices(table["action"], int(k))
    place, bad_place, places = _places(feedback.get("position"), n)
    positions = np.zeros(n) if feedback.get("position") is None else np.asarray(feedback["position"])
    invalid = {
        f"the action is not one of 0 … {k - 1}": (bad_action, table["action"]),
        "the position is not a whole number": (bad_place, positions),
    }
    others: dict[str, Vector] = {}
    if estimated is not None:
        q, beyond = _tensor(estimated, "estimated", n, int(k), place, places)
        invalid["the position has no estimated rewards"] = beyond, positions
        others["q"] = q[np.arange(n), action]
    for name, dist in (targets or {}).items():
        own, beyond = _tensor(dist, f"the distribution {name!r}", n, int(k), place, places)
        invalid[f"the position has no probabilities in {name!r}"] = beyond, positions
        _check_distribution(own[~beyond], name)
        others[name] = np.ascontiguousarray(own[np.arange(n), action])
        if estimated is not None:
            others[f"{name} v"] = (own * q).sum(axis=1)
    values = {name: parse_numbers(table[name], name, booleans=name == "reward") for name in ("reward", "pscore")}
    invalid["the pscore is not a number"] = values["pscore"][1] | values["pscore"][2], table["pscore"]
    invalid["the reward is not a number"] = values["reward"][2], table["reward"]
    labels, p = action.astype(np.str_), values["pscore"][0]
    return InMemoryDataset(
        Batch(
            values["reward"][0],
            p,
            labels,
            np.full(n, float(k)),
            rounds=_rounds(feedback, labels, p),
            others=others,
            invalid={reason: each for reason, each in invalid.items() if each[0].any()},
        ),
        "obp",
    )


def _column(value: Any, name: str) -> NDArray[Any]:
    """A column of the feedback. Raises InputError where it has not one axis."""
    try:
        column = np.asarray(value)
    except ValueError as error:
        raise InputError(f"{name} is not a column of values: {error}") from error
    if column.ndim != 1:
        raise InputError(f"{name} has the shape {column.shape}; give one value for each row, shape (n,)")
    return column


def _numbers(value: Any, name: str) -> NDArray[np.float64]:
    """An array of numbers of any shape. Raises InputError."""
    try:
        found = np.asarray(value)
        if found.dtype.kind not in "biufO":
            raise TypeError(f"it holds {found.dtype.name} values")
        return found.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name} is not an array of numbers: {error}") from error


def _indices(column: NDArray[Any], k: int | None) -> tuple[NDArray[np.int64], Mask]:
    """Whole numbers from 0 up to below k; and the rows with another value, which get 0."""
    values, _, _ = parse_numbers(column, "action", booleans=False)
    with np.errstate(invalid="ignore"):  # NaN
        wrong = ~((values >= 0) & (values < (np.inf if k is None else k)) & (values == np.floor(values)))
    return np.where(wrong, 0, np.nan_to_num(values, posinf=0, neginf=0)).astype(np.int64), wrong


def _places(position: Any, n: int) -> tuple[NDArray[np.int64], Mask, int]:
    """The place of each row, the rows that have none, and the number of places; 0 where the log has no places."""
    if position is None:
        return np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool), 0
    place, wrong = _indices(_column(position, "position"), None)
    if len(place) != n:
        raise InputError(f"position has {len(place):,} values and action has {n:,}; give one for each row")
    return place, wrong, int(place.max(initial=0)) + 1


def _tensor(
    value: Any, name: str, n: int, k: int, place: NDArray[np.int64], places: int
) -> tuple[NDArray[np.float64], Mask]:
    """What each row has for each action at its place, shape (n, K); and the rows whose place it does not have.

    Of two axes, (n, K) is one place, and the same as (n, K, 1); (K, positions) is the same for every row.
    """
    found = _numbers(value, name)
    shape, forms = found.shape, f"({n}, {k}, positions), ({n}, {k}) for one position, or ({k}, positions)"
    whole = shape == (n, k)
    if whole and n == k > 1:
        raise InputError(f"{name} has the shape {shape}, which may mean two things; give ({n}, {k}, positions)")
    if whole:
        if places > 1:
            raise InputError(f"{name} has the shape {shape} and the log has {places} positions; give {forms}")
        found = found[:, :, None]
    elif len(shape) == 2 and shape[0] == k and shape[1] != n:
        found = np.broadcast_to(found, (n, *shape))
    elif len(shape) != 3 or shape[:2] != (n, k):
        raise InputError(f"{name} has the shape {shape}; give {forms}")
    if not places and found.shape[2] != 1:
        raise InputError(f"{name} has the shape {shape}, with {found.shape[2]} positions, and the log has no position")
    beyond = place >= found.shape[2]
    return found[np.arange(n), :, np.where(beyond, 0, place)], beyond


def _check_distribution(rows: NDArray[np.float64], name: str) -> None:
    """Raises InputError where a row is not a probability distribution over the actions."""
    wrong = ~(np.isfinite(rows).all(axis=1) & (rows >= -1e-9).all(axis=1) & (abs(rows.sum(axis=1) - 1.0) < 1e-3))
    if wrong.any():
        first = int(wrong.argmax())
        raise InputError(
            f"the distribution {name!r} is not one over the actions in {int(wrong.sum()):,} rows: in row {first + 1:,} "
            f"its values sum to {rows[first].sum():g}; give probabilities along the second axis"
        )


def _rounds(feedback: Mapping[str, Any], action: NDArray[np.str_], propensity: Vector) -> Rounds | None:
    if feedback.get("context") is None:
        return None
    context = _numbers(feedback["context"], "context")
    if context.ndim != 2 or len(context) != len(action):
        raise InputError(f"context has the shape {context.shape}; give ({len(action)}, features)")
    return from_matrix(context, Actions(tuple(map(str, range(feedback["n_actions"])))), action, propensity)


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
    rounds = (each for batch in batches if batch.rounds is not None for each in batch.rounds())
    rows = [each.decision.context for each in rounds if isinstance(each, Round)]
    arrays = [row for row in rows if isinstance(row, np.ndarray)]
    return np.array(arrays) if len(arrays) == sum(map(len, batches)) else None

"""Cross-validation of models of ratings: by folds, and along time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier.errors import InputError
from croupier.ratings import metrics as measures
from croupier.ratings.dataset import Ratings
from croupier.ratings.models import OnlineRater, Rater
from croupier_policies import Vector

Progress = Callable[[int, int], None]
Kind = type[Rater]


@dataclass(frozen=True)
class Validation:
    """What cross-validation found.

    Attributes:
        how: "folds" or "progressive".
        rows: How many ratings were estimated.
        measured: By model and measure, one number a fold; of "progressive", one a stretch of time.
    """

    how: str
    rows: int
    measured: dict[str, dict[str, list[float]]]

    def mean(self, model: str, measure: str) -> float:
        """Over the folds."""
        return float(np.mean(self.measured[model][measure]))

    def error(self, model: str, measure: str) -> float:
        """The standard error of that mean, as if folds were independent, which overlapping training sets are not."""
        numbers = self.measured[model][measure]
        return float(np.std(numbers, ddof=1) / len(numbers) ** 0.5) if len(numbers) > 1 else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        means = {
            m: {k: {"mean": self.mean(m, k), "error": self.error(m, k)} for k in ks} for m, ks in self.measured.items()
        }
        return {"how": self.how, "rows": self.rows, "folds": self.measured, "means": means}


def splits(count: int, folds: int, seed: int) -> list[NDArray[np.int64]]:
    """The held-out rows of every fold: each row in one, drawn without regard to anything.

    >>> sorted(np.concatenate(splits(7, 3, 0)).tolist())
    [0, 1, 2, 3, 4, 5, 6]
    """
    if not 2 <= folds <= count:
        raise InputError(f"{count} ratings cannot be split into {folds} folds; take 2 to as many as there are ratings")
    return [np.sort(part) for part in np.array_split(np.random.default_rng(seed).permutation(count), folds)]


def by_folds(
    ratings: Ratings,
    models: Sequence[Kind],
    *,
    folds: int = 5,
    seed: int = 7,
    k: int = 10,
    liked: float | None = None,
    ranking: bool = True,
    progress: Progress | None = None,
) -> Validation:
    """Fit each model on all folds but one and measure it on that one, by turns.

    RMSE and MAE are over the held-out ratings; AUC likewise, of those liked against the others. For NDCG@k and
    recall@k every held-out user's ranking is over all items but those he had rated in training; what he has liked
    among the held-out counts, everything else as not liked. Users without any are left out.

    Args:
        ratings: All of them.
        models: `raters.chosen(names)`.
        folds: How many.
        seed: Of the split, and of models that begin at random.
        k: Of NDCG and recall.
        liked: From which rating on an item counts as liked; by default from four fifths of the range.
        ranking: Whether to rank; peers that estimate pair by pair take their time.
        progress: Called with (done, total).

    Raises:
        InputError: There are too few ratings.
    """
    threshold = _threshold(ratings, liked)
    measured: dict[str, dict[str, list[float]]] = {kind.name: {} for kind in models}
    parts = splits(len(ratings), folds, seed)
    for fold, held in enumerate(parts):
        train, test = ratings.take(np.setdiff1d(np.arange(len(ratings)), held)), ratings.take(held)
        for number, kind in enumerate(models):
            model = kind(ratings.low, ratings.high, seed)
            model.fit(train)
            found = _rated(kind, model.estimate(test.users.tolist(), test.items.tolist()), test, threshold)
            if ranking:
                found |= _ranked(model, train, test, k, threshold, seed)
            for name, number_ in found.items():
                measured[kind.name].setdefault(name, []).append(number_)
            if progress is not None:
                progress(fold * len(models) + number + 1, folds * len(models))
    return Validation("folds", len(ratings), measured)


def along_time(
    ratings: Ratings,
    models: Sequence[Kind],
    *,
    warm: float = 0.0,
    stretches: int = 5,
    seed: int = 7,
    liked: float | None = None,
    progress: Progress | None = None,
) -> Validation:
    """Estimate each rating in order of time before it is learned, and measure stretch by stretch.

    Args:
        ratings: All of them, in order of time.
        models: Those that learn one by one; others are passed over.
        warm: The share of the ratings, the earliest, that models are fitted to as a whole beforehand.
        stretches: Into how many parts of equal length the rest is cut.
        seed: Of models that begin at random.
        liked: See `by_folds`.
        progress: Called with (done, total).

    Raises:
        InputError: There are too few ratings.
    """
    first, threshold = round(warm * len(ratings)), _threshold(ratings, liked)
    if not 0.0 <= warm < 1.0 or len(ratings) - first < stretches:
        raise InputError(f"warm={warm} leaves fewer ratings than the {stretches} stretches asked for")
    history, rest = (ratings.take(rows) for rows in np.split(np.arange(len(ratings)), [first]))
    online = [kind for kind in models if issubclass(kind, OnlineRater)]
    measured: dict[str, dict[str, list[float]]] = {kind.name: {} for kind in online}
    for number, kind in enumerate(online):
        model = kind(ratings.low, ratings.high, seed)
        if first:
            model.fit(history)
        tell = _telling(progress, number * len(rest), len(online) * len(rest))
        estimates = _learned(model, rest, tell)
        for rows in np.array_split(np.arange(len(rest)), stretches):
            for name, found in _rated(kind, estimates[rows], rest.take(rows), threshold).items():
                measured[kind.name].setdefault(name, []).append(found)
    return Validation("progressive", len(rest), measured)


def _telling(progress: Progress | None, before: int, total: int) -> Callable[[int], None]:
    return lambda done: None if progress is None else progress(before + done, total)


def _learned(model: OnlineRater, rest: Ratings, tell: Callable[[int], None]) -> Vector:
    estimates = np.empty(len(rest))
    for t, (user, item, value) in enumerate(zip(rest.users, rest.items, rest.values.tolist(), strict=True)):
        estimates[t] = model.learn(user, item, value)
        if t % 1024 == 0:
            tell(t)
    return estimates


def _threshold(ratings: Ratings, liked: float | None) -> float:
    return ratings.low + 0.75 * (ratings.high - ratings.low) if liked is None else liked


def _rated(kind: Kind, estimates: Vector, test: Ratings, threshold: float) -> dict[str, float]:
    rated = {"RMSE": measures.rmse, "MAE": measures.mae} if kind.rates else {}
    found = {name: measure(estimates, test.values) for name, measure in rated.items()}
    return found | {"AUC": measures.auc(estimates, test.values >= threshold)}


def _ranked(model: Rater, train: Ratings, test: Ratings, k: int, threshold: float, seed: int) -> dict[str, float]:
    """Means over the users, of rankings over all items that they had not rated in training."""
    pairs = list(_rankings(model, train, test, threshold, seed))
    if not pairs:
        return {f"NDCG@{k}": float("nan"), f"recall@{k}": float("nan")}
    gains = [(measures.ndcg(scores, liked, k), measures.recall(scores, liked, k)) for scores, liked in pairs]
    mean = np.mean(gains, axis=0)
    return {f"NDCG@{k}": float(mean[0]), f"recall@{k}": float(mean[1])}


def _rankings(
    model: Rater, train: Ratings, test: Ratings, threshold: float, seed: int
) -> Iterator[tuple[Vector, NDArray[np.bool_]]]:
    """For every user who liked something new among the held-out: scores of all unrated items, and which he liked."""
    names = sorted({*train.items, *test.items})
    items = [names[k] for k in np.random.default_rng(seed).permutation(len(names))]  # ids may tell who came first
    rated, liked = _by_user(train, -np.inf), _by_user(test, threshold)
    for user in sorted(liked):
        fresh = [item for item in items if item not in rated.get(user, ())]
        wanted = np.array([item in liked[user] for item in fresh], dtype=np.bool_)
        if wanted.any():
            yield model.estimate([user] * len(fresh), fresh), wanted


def _by_user(ratings: Ratings, least: float) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for user, item, value in zip(ratings.users, ratings.items, ratings.values, strict=True):
        if value >= least:
            found.setdefault(user, set()).add(item)
    return found

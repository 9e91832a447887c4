"""Validation of rating models: k-fold cross-validation, and progressive validation in order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier.errors import InputError
from croupier.ratings import metrics as rating_metrics
from croupier.ratings.dataset import Ratings
from croupier.ratings.models import OnlineRater, Rater
from croupier_policies import Vector

Progress = Callable[[int, int], None]
RaterType = type[Rater]


@dataclass(frozen=True)
class Validation:
    """The result of a validation.

    Attributes:
        method: "folds" or "progressive".
        rows: Number of ratings that were predicted.
        scores: By model and metric, one number per fold, or per period of a progressive validation.
    """

    method: str
    rows: int
    scores: dict[str, dict[str, list[float]]]

    def mean(self, model: str, metric: str) -> float:
        """Mean of a metric over the folds."""
        return float(np.mean(self.scores[model][metric]))

    def error(self, model: str, metric: str) -> float:
        """Standard error of that mean as if folds were independent; training sets overlap, so it is too small."""
        numbers = self.scores[model][metric]
        return float(np.std(numbers, ddof=1) / len(numbers) ** 0.5) if len(numbers) > 1 else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        means = {
            m: {k: {"mean": self.mean(m, k), "error": self.error(m, k)} for k in ks} for m, ks in self.scores.items()
        }
        return {"method": self.method, "rows": self.rows, "folds": self.scores, "means": means}


def fold_indices(count: int, folds: int, seed: int) -> list[NDArray[np.int64]]:
    """The held-out pairs of every fold: a random partition of all.

    >>> sorted(np.concatenate(fold_indices(7, 3, 0)).tolist())
    [0, 1, 2, 3, 4, 5, 6]
    """
    if not 2 <= folds <= count:
        raise InputError(f"{count} ratings cannot be split into {folds} folds; use 2 to {count} folds")
    return [np.sort(rows) for rows in np.array_split(np.random.default_rng(seed).permutation(count), folds)]


def held_out_rows(ratings: Ratings, folds: int, seed: int) -> list[NDArray[np.int64]]:
    """The held-out rows of every fold; all ratings of an item by the same user are in the same one."""
    pairs: dict[tuple[str, str], int] = {}
    number = np.array([pairs.setdefault(pair, len(pairs)) for pair in zip(ratings.users, ratings.items, strict=True)])
    return [np.flatnonzero(np.isin(number, fold)) for fold in fold_indices(len(pairs), folds, seed)]


def cross_validate(
    ratings: Ratings,
    models: Sequence[RaterType],
    *,
    folds: int = 5,
    seed: int = 7,
    k: int = 10,
    liked: float | None = None,
    ranking: bool = True,
    progress: Progress | None = None,
) -> Validation:
    """K-fold cross-validation: fit each model on all folds but one, and score it on that one.

    Pairs of user and item are split, not rows: a rating that is given again never stands in training and test both.

    RMSE, MAE and AUC (liked against not liked) are over the held-out ratings. For NDCG@k and recall@k, each user's
    ranking is over all items that the user had not rated in the training set; held-out items that the user liked are
    relevant, all others are not. Users without relevant items are left out.

    Args:
        ratings: All ratings.
        models: See `select_raters`.
        folds: Number of folds.
        seed: Seed of the partition, and of models with random initialization.
        k: Length of the lists for NDCG and recall.
        liked: The least rating of a liked item; by default three quarters of the way up the range.
        ranking: Whether to compute NDCG and recall, which is slow for models that predict pair by pair.
        progress: Called with (done, total).

    Raises:
        InputError: There are fewer pairs of user and item than folds.
    """
    threshold = _threshold(ratings, liked)
    scores: dict[str, dict[str, list[float]]] = {kind.name: {} for kind in models}
    held_out = held_out_rows(ratings, folds, seed)
    for fold, rows in enumerate(held_out):
        train, test = ratings.take(np.setdiff1d(np.arange(len(ratings)), rows)), ratings.take(rows)
        for number, kind in enumerate(models):
            model = kind(ratings.low, ratings.high, seed)
            model.fit(train)
            found = _prediction_metrics(kind, model.estimate(test.users.tolist(), test.items.tolist()), test, threshold)
            if ranking:
                found |= _ranking_metrics(model, train, test, k, threshold, seed)
            for name, score in found.items():
                scores[kind.name].setdefault(name, []).append(score)
            if progress is not None:
                progress(fold * len(models) + number + 1, folds * len(models))
    return Validation("folds", len(ratings), scores)


def progressive_validate(
    ratings: Ratings,
    models: Sequence[RaterType],
    *,
    warm: float = 0.0,
    periods: int = 5,
    seed: int = 7,
    liked: float | None = None,
    progress: Progress | None = None,
) -> Validation:
    """Progressive validation: predict each rating in order of time before learning it, and score period by period.

    Args:
        ratings: All ratings, in order of time.
        models: Models to validate; those that do not learn one rating at a time are ignored.
        warm: Share of the ratings, the earliest, that models are fitted to beforehand.
        periods: Number of periods of equal numbers of ratings.
        seed: Seed of models with random initialization.
        liked: See `cross_validate`.
        progress: Called with (done, total).

    Raises:
        InputError: There are too few ratings.
    """
    first, threshold = round(warm * len(ratings)), _threshold(ratings, liked)
    if not 0.0 <= warm < 1.0 or len(ratings) - first < periods:
        raise InputError(
            f"warm={warm} of {len(ratings)} ratings leaves fewer than the {periods} periods; give a smaller share or "
            "fewer periods"
        )
    history, rest = (ratings.take(rows) for rows in np.split(np.arange(len(ratings)), [first]))
    online = [kind for kind in models if issubclass(kind, OnlineRater)]
    scores: dict[str, dict[str, list[float]]] = {kind.name: {} for kind in online}
    for number, kind in enumerate(online):
        model = kind(ratings.low, ratings.high, seed)
        if first:
            model.fit(history)
        report = _with_offset(progress, number * len(rest), len(online) * len(rest))
        estimates = _predict_and_learn(model, rest, report)
        for rows in np.array_split(np.arange(len(rest)), periods):
            for name, score in _prediction_metrics(kind, estimates[rows], rest.take(rows), threshold).items():
                scores[kind.name].setdefault(name, []).append(score)
    return Validation("progressive", len(rest), scores)


def _with_offset(progress: Progress | None, before: int, total: int) -> Callable[[int], None]:
    return lambda done: None if progress is None else progress(before + done, total)


def _predict_and_learn(model: OnlineRater, rest: Ratings, report: Callable[[int], None]) -> Vector:
    estimates = np.empty(len(rest))
    for t, (user, item, value) in enumerate(zip(rest.users, rest.items, rest.values.tolist(), strict=True)):
        estimates[t] = model.learn(user, item, value)
        if t % 1024 == 0:
            report(t)
    return estimates


def _threshold(ratings: Ratings, liked: float | None) -> float:
    return ratings.low + 0.75 * (ratings.high - ratings.low) if liked is None else liked


def _prediction_metrics(kind: RaterType, estimates: Vector, test: Ratings, threshold: float) -> dict[str, float]:
    metrics = {"RMSE": rating_metrics.rmse, "MAE": rating_metrics.mae} if kind.rates else {}
    found = {name: metric(estimates, test.values) for name, metric in metrics.items()}
    return found | {"AUC": rating_metrics.auc(estimates, test.values >= threshold)}


def _ranking_metrics(
    model: Rater, train: Ratings, test: Ratings, k: int, threshold: float, seed: int
) -> dict[str, float]:
    """NDCG and recall, averaged over users; rankings are over all items not rated in training."""
    pairs = list(_rankings(model, train, test, threshold, seed))
    if not pairs:
        return {f"NDCG@{k}": float("nan"), f"recall@{k}": float("nan")}
    gains = [
        (rating_metrics.ndcg(scores, liked, k), rating_metrics.recall(scores, liked, k)) for scores, liked in pairs
    ]
    mean = np.mean(gains, axis=0)
    return {f"NDCG@{k}": float(mean[0]), f"recall@{k}": float(mean[1])}


def _rankings(
    model: Rater, train: Ratings, test: Ratings, threshold: float, seed: int
) -> Iterator[tuple[Vector, NDArray[np.bool_]]]:
    """For every user with a relevant item: predictions for all items not rated in training, and which are relevant."""
    names = sorted({*train.items, *test.items})
    items = [
        names[k] for k in np.random.default_rng(seed).permutation(len(names))
    ]  # ids may be in an informative order
    rated, liked = _by_user(train, -np.inf), _by_user(test, threshold)
    for user in sorted(liked):
        candidates = [item for item in items if item not in rated.get(user, ())]
        relevant = np.array([item in liked[user] for item in candidates], dtype=np.bool_)
        if relevant.any():
            yield model.estimate([user] * len(candidates), candidates), relevant


def _by_user(ratings: Ratings, least: float) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for user, item, value in zip(ratings.users, ratings.items, ratings.values, strict=True):
        if value >= least:
            found.setdefault(user, set()).add(item)
    return found

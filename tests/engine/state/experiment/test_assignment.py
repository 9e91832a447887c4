"""Sticky assignment: one variant per unit in every process, and changes that move as few units as possible."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import pytest
from scipy.stats import binomtest

from croupier.errors import InputError
from croupier.state.experiment.assignment import Split, points
from croupier.state.experiment.buckets import HOLDOUT, RANGE

UNITS = [f"user-{k}" for k in range(100_000)]
POINTS = points(7, "e", UNITS)
EIGHTHS = [{"a": 4, "b": 4}, {"a": 2, "b": 4, "c": 2}, {"a": 1, "b": 1, "c": 6}]


def test_shares_are_the_probabilities_and_the_frequencies() -> None:
    split = Split.from_weights({"a": 1, "b": 2, "c": 0.5}, holdout=0.3)
    assert split.shares == pytest.approx({"a": 0.2, "b": 0.4, "c": 0.1, HOLDOUT: 0.3})
    assert sum(end - start for buckets in split.buckets.values() for start, end in buckets) == RANGE
    met = split.variants_at(POINTS)
    for name, share in split.shares.items():
        assert binomtest(int((met == name).sum()), len(met), share).pvalue > 1e-4


def test_one_and_many_agree() -> None:
    split = Split.from_weights({"a": 1, "b": 2}).with_weights({"a": 2, "c": 1})
    one = [split.assign(7, "e", unit) for unit in UNITS[:2000]]
    assert [assigned.variant for assigned in one] == list(split.variants_at(POINTS[:2000]))
    assert {assigned.probability for assigned in one} == set(split.shares.values()) - {0.0}


def test_experiments_are_independent_of_each_other() -> None:
    split = Split.from_weights({"a": 1, "b": 1})
    first, second = (split.variants_at(points(7, name, UNITS)) == "a" for name in ("e1", "e2"))
    assert binomtest(int((first & second).sum()), len(UNITS), 0.25).pvalue > 1e-4


def random_weights(rng: np.random.Generator) -> dict[str, float]:
    names = rng.choice(["a", "b", "c", "d", "e"], size=rng.integers(2, 6), replace=False)
    return {str(name): float(weight) for name, weight in zip(names, rng.exponential(size=len(names)), strict=True)}


def test_forty_changes_of_weights_move_only_as_many_units_as_they_must() -> None:
    rng = np.random.default_rng(3)
    split = Split.from_weights(random_weights(rng), holdout=0.1)
    before = split.variants_at(POINTS)
    kept = before == HOLDOUT
    for _ in range(40):
        other = split.with_weights(random_weights(rng))
        after = other.variants_at(POINTS)
        moved = before != after
        change = {n: other.shares.get(n, 0.0) - split.shares.get(n, 0.0) for n in {*split.shares, *other.shares}}
        least = sum(abs(value) for value in change.values()) / 2
        assert moved.any()
        assert all(change[name] < 0 for name in set(before[moved]))  # only from those that shrink
        assert all(change[name] > 0 for name in set(after[moved]))  # only to those that grow
        assert binomtest(int(moved.sum()), len(UNITS), least).pvalue > 1e-5
        assert ((after == HOLDOUT) == kept).all()
        split, before = other, after


def test_the_points_that_move_are_exactly_the_least_possible() -> None:
    split = Split.from_weights(EIGHTHS[0])
    for weights in EIGHTHS[1:]:
        other = split.with_weights(weights)
        cuts = sorted(
            {cut for s in (split, other) for buckets in s.buckets.values() for bucket in buckets for cut in bucket}
        )
        moved = sum(end - start for start, end in pairwise(cuts) if owner(split, start) != owner(other, start))
        assert moved == RANGE * sum(abs(weights.get(n, 0) / 8 - split.shares.get(n, 0)) for n in "abc") / 2
        split = other


def owner(split: Split, point: int) -> str:
    return next(name for name, buckets in split.buckets.items() if any(start <= point < end for start, end in buckets))


def test_returning_to_earlier_weights_returns_every_unit_to_its_variant() -> None:
    first = Split.from_weights({"old": 9, "new": 1})
    again = first.with_weights({"old": 5, "new": 5}).with_weights({"old": 9, "new": 1})
    assert (again.variants_at(POINTS) == first.variants_at(POINTS)).all()


def variants_in_process(numbers: range) -> list[str]:
    split = Split.from_weights(EIGHTHS[0], holdout=0.25).with_weights(EIGHTHS[1]).with_weights(EIGHTHS[2])
    return list(split.variants_at(points(11, "e", (f"user-{k}" for k in numbers))))


def test_four_new_processes_and_a_restart_agree_on_every_unit() -> None:
    numbers = range(20_000)
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        answers = list(pool.map(variants_in_process, [numbers] * 4))
    assert all(answer == variants_in_process(numbers) for answer in answers)
    assert set(answers[0]) == {"a", "b", "c", HOLDOUT}


@pytest.mark.parametrize(
    "weights", [{}, {"a": 0.0}, {"a": -1.0, "b": 2.0}, {"a": float("nan")}, {HOLDOUT: 1.0}, {"": 1.0}]
)
def test_invalid_weights_are_rejected(weights: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Split.from_weights(weights)


def test_a_variant_of_weight_0_gets_no_unit() -> None:
    assert Split.from_weights({"a": 1.0, "b": 0.0}).shares == {"a": 1.0, "b": 0.0}


def test_a_holdout_is_a_share() -> None:
    with pytest.raises(InputError, match="0 ≤ holdout < 1"):
        Split.from_weights({"a": 1}, holdout=1.0)

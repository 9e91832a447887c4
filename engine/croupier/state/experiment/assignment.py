"""Assignment of units to variants: a keyed hash of the unit, and buckets of hash values for each variant."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier.state.experiment.buckets import HOLDOUT, RANGE, Bucket, apportion, take_from_end, total_size
from croupier_policies.exploration.sampling import uniform


class Assignment(NamedTuple):
    """The assignment of a unit.

    Attributes:
        variant: The variant of the unit.
        probability: The share of the hash values that belong to this variant.
    """

    variant: str
    probability: float


@dataclass(frozen=True)
class Split:
    """A partition of the hash values 0 … 2⁵³ - 1 among variants; a unit belongs to the variant of its hash value.

    A split depends on the sequence of weights: `Split.from_weights(first).with_weights(second).with_weights(third)`.
    Processes that apply the same weights in the same order assign every unit to the same variant.

    Attributes:
        buckets: The buckets of each variant, in the order in which it received them.

    >>> split = Split.from_weights({"old": 3, "new": 1}, holdout=0.5)
    >>> split.shares
    {'old': 0.375, 'new': 0.125, 'hold-out': 0.5}
    >>> split.assign(7, "button", "user-17") == split.assign(7, "button", "user-17")
    True
    """

    buckets: Mapping[str, tuple[Bucket, ...]]

    @classmethod
    def from_weights(cls, weights: Mapping[str, float], holdout: float = 0.0) -> Split:
        """The first split of an experiment.

        Args:
            weights: Of each variant, w ≥ 0; its share of the units is (1 - holdout)·w/Σw.
            holdout: The share of units in the hold-out, 0 ≤ holdout < 1; no policy learns from them.

        Raises:
            InputError: A weight is negative, infinite or NaN, all weights are 0, a name is empty or reserved, or the
                hold-out is out of its range.
        """
        buckets: dict[str, tuple[Bucket, ...]] = {}
        start = 0
        for name, size in apportion(weights, holdout).items():
            buckets[name] = ((start, start + size),) if size else ()
            start += size
        return cls(buckets)

    def with_weights(self, weights: Mapping[str, float], holdout: float | None = None) -> Split:
        """The split after a change of weights.

        A variant whose share decreases loses the hash values that it received last, and no others; variants whose
        shares increase receive them. The share of units that change their variant is ½·Σ|new share - old share|, the
        smallest possible. With the default `holdout`, the hold-out does not change.

        Args:
            weights: As in `from_weights`; a variant that is missing has weight 0.
            holdout: As in `from_weights`; by default the present share.

        Raises:
            InputError: As in `from_weights`.
        """
        present = Fraction(total_size(self.buckets.get(HOLDOUT, ())), RANGE)
        sizes = apportion(weights, present if holdout is None else holdout)
        names = [*self.buckets, *(name for name in sizes if name not in self.buckets)]
        new = {name: list(self.buckets.get(name, ())) for name in names}
        free = [
            bucket
            for name, buckets in new.items()
            for bucket in take_from_end(buckets, total_size(buckets) - sizes.get(name, 0))
        ]
        for name, buckets in new.items():
            buckets += take_from_end(free, sizes.get(name, 0) - total_size(buckets))
        return Split({name: tuple(buckets) for name, buckets in new.items()})

    @cached_property
    def shares(self) -> dict[str, float]:
        """The probability of each variant: its number of hash values / 2⁵³, without rounding error."""
        return {name: total_size(buckets) / RANGE for name, buckets in self.buckets.items()}

    def assign(self, seed: int, experiment: str, unit: str) -> Assignment:
        """The variant of a unit, with its probability.

        Args:
            seed: The store's seed.
            experiment: The experiment's name; assignments of different experiments are independent.
            unit: The unit's id.
        """
        _, variants = self._bucket_table
        variant = variants[bisect_right(self._starts, point(seed, experiment, unit)) - 1]
        return Assignment(variant, self.shares[variant])

    def variants_at(self, points: NDArray[np.int64]) -> NDArray[np.str_]:
        """The variants of many hash values.

        Args:
            points: From `points(seed, experiment, units)`, shape (n,).

        Returns:
            The names of the variants, shape (n,).
        """
        starts, variants = self._bucket_table
        return np.array(variants)[np.searchsorted(starts, points, side="right") - 1]

    @cached_property
    def _bucket_table(self) -> tuple[NDArray[np.int64], list[str]]:
        """The starts of all buckets in ascending order, and their variants."""
        table = sorted((bucket, name) for name, buckets in self.buckets.items() for bucket in buckets)
        return np.array([bucket[0] for bucket, _ in table], dtype=np.int64), [name for _, name in table]

    @cached_property
    def _starts(self) -> list[int]:
        return [int(start) for start in self._bucket_table[0]]


def point(seed: int, experiment: str, unit: str) -> int:
    """The hash value ⌊2⁵³·u⌋ of a unit, where u is uniform in [0, 1) and a function of the arguments.

    >>> 0 <= point(7, "button", "user-17") < RANGE
    True
    """
    return int(uniform(seed, "assignment", f"{experiment}\0{unit}") * RANGE)


def points(seed: int, experiment: str, units: Iterable[str]) -> NDArray[np.int64]:
    """The hash values of many units, shape (n,)."""
    return np.fromiter((point(seed, experiment, unit) for unit in units), dtype=np.int64)

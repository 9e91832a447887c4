"""Which variant a unit meets: a keyed hash, and a division of its range that changes as little as it must."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier.state.experiment.buckets import HOLDOUT, RANGE, Piece, divided, give, size
from croupier_policies.exploration.sampling import uniform


class Assigned(NamedTuple):
    """The variant of a unit, and the probability with which any unit meets it under the weights in force."""

    variant: str
    probability: float


@dataclass(frozen=True)
class Split:
    """A division of the points 0 … 2⁵³ − 1 among variants; a unit belongs to whoever holds its point.

    It is the fold of the weights so far: `Split.of(first).changed(second).changed(third)`. Any process that knows the
    same weights in the same order gives every unit the same variant.

    Attributes:
        held: The pieces of each variant, in the order in which it got them.

    >>> split = Split.of({"old": 3, "new": 1}, holdout=0.5)
    >>> split.shares
    {'old': 0.375, 'new': 0.125, 'hold-out': 0.5}
    >>> split.assign(7, "button", "user-17") == split.assign(7, "button", "user-17")
    True
    """

    held: Mapping[str, tuple[Piece, ...]]

    @classmethod
    def of(cls, weights: Mapping[str, float], holdout: float = 0.0) -> Split:
        """The first division.

        Args:
            weights: Of each variant, w ≥ 0; its share of the units is (1 − holdout)·w/Σw.
            holdout: The share of units that no policy learns from, 0 ≤ holdout < 1.

        Raises:
            InputError: A weight is negative, infinite or NaN, all are 0, or a name is empty or reserved.
        """
        held: dict[str, tuple[Piece, ...]] = {}
        start = 0
        for name, points in divided(weights, holdout).items():
            held[name] = ((start, start + points),) if points else ()
            start += points
        return cls(held)

    def changed(self, weights: Mapping[str, float], holdout: float | None = None) -> Split:
        """The division under other weights; a variant that is not named any more has weight 0.

        Whoever shrinks gives up the points it got last, and only those; whoever grows takes them. So the share of units
        that move is ½·Σ|new share − old share|, less than which no method can move, and a change of weights leaves the
        hold-out as it was.

        Args:
            weights: As in `of`.
            holdout: As in `of`; what it was by default.

        Raises:
            InputError: As in `of`.
        """
        kept = Fraction(size(self.held.get(HOLDOUT, ())), RANGE)
        new = divided(weights, kept if holdout is None else holdout)
        held = {name: list(self.held.get(name, ())) for name in [*self.held, *(n for n in new if n not in self.held)]}
        free = [piece for name, pieces in held.items() for piece in give(pieces, size(pieces) - new.get(name, 0))]
        for name, pieces in held.items():
            pieces += give(free, new.get(name, 0) - size(pieces))
        return Split({name: tuple(pieces) for name, pieces in held.items()})

    @cached_property
    def shares(self) -> dict[str, float]:
        """The probability of each variant, exact to the last bit: points held / 2⁵³."""
        return {name: size(pieces) / RANGE for name, pieces in self.held.items()}

    def assign(self, seed: int, experiment: str, unit: str) -> Assigned:
        """The variant of a unit, with its probability.

        Args:
            seed: The store's.
            experiment: Its name; the assignments of two experiments are independent.
            unit: Who is assigned.
        """
        _, owners = self._map
        variant = owners[bisect_right(self._starts, point(seed, experiment, unit)) - 1]
        return Assigned(variant, self.shares[variant])

    def owners(self, points: NDArray[np.int64]) -> NDArray[np.str_]:
        """The variants of many `points(seed, experiment, units)`, shape (n,)."""
        starts, owners = self._map
        return np.array(owners)[np.searchsorted(starts, points, side="right") - 1]

    @cached_property
    def _map(self) -> tuple[NDArray[np.int64], list[str]]:
        order = sorted((piece, name) for name, pieces in self.held.items() for piece in pieces)
        return np.array([piece[0] for piece, _ in order], dtype=np.int64), [name for _, name in order]

    @cached_property
    def _starts(self) -> list[int]:
        return [int(start) for start in self._map[0]]


def point(seed: int, experiment: str, unit: str) -> int:
    """⌊2⁵³·u⌋, u the uniform number of this unit in this experiment.

    >>> 0 <= point(7, "button", "user-17") < RANGE
    True
    """
    return int(uniform(seed, "assignment", f"{experiment}\0{unit}") * RANGE)


def points(seed: int, experiment: str, units: Iterable[str]) -> NDArray[np.int64]:
    """`point` of many units, shape (n,)."""
    return np.fromiter((point(seed, experiment, unit) for unit in units), dtype=np.int64)

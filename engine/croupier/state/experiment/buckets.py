"""The points that a hash can fall on, and pieces of them that are given and taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from croupier.errors import InputError

RANGE = 1 << 53  # points a hash can fall on: as many as a uniform double in [0, 1) has
HOLDOUT = "hold-out"

Piece = tuple[int, int]  # the points start ≤ point < end


def size(buckets: Iterable[Piece]) -> int:
    """Points in all of them.

    >>> size([(0, 3), (5, 6)])
    4
    """
    return sum(end - start for start, end in buckets)


def give(buckets: list[Piece], wanted: int) -> list[Piece]:
    """Take so many points from the end of a list of pieces, last ones first; none where `wanted` is not positive.

    >>> give([(0, 3), (5, 6)], 2)
    [(5, 6), (2, 3)]
    """
    given = []
    while wanted > 0:
        start, end = buckets.pop()
        cut = max(start, end - wanted)
        given.append((cut, end))
        if cut > start:
            buckets.append((start, cut))
        wanted -= end - cut
    return given


def divided(weights: Mapping[str, float], holdout: float | Fraction) -> dict[str, int]:
    """Points of each variant: its exact share rounded down, and what is left over to the largest remainders.

    Raises:
        InputError: A weight, a name or the hold-out cannot be what was meant.

    >>> divided({"a": 1, "b": 3}, 0.0)["a"] == RANGE // 4
    True
    """
    _check(weights, holdout)
    total, rest = sum(map(Fraction, weights.values())), 1 - Fraction(holdout)
    exact = {name: Fraction(weight) / total * rest * RANGE for name, weight in weights.items()}
    if holdout:
        exact[HOLDOUT] = Fraction(holdout) * RANGE
    floors = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: floors[name] - exact[name])
    for name in by_remainder[: RANGE - sum(floors.values())]:
        floors[name] += 1
    return floors


def _check(weights: Mapping[str, float], holdout: float | Fraction) -> None:
    if any(not name or "\0" in name or name == HOLDOUT for name in weights):
        raise InputError(f"a variant needs a name of its own, and {HOLDOUT!r} is reserved: {list(weights)}")
    if not all(0 <= weight < float("inf") for weight in weights.values()) or not any(weights.values()):
        raise InputError(f"weights are finite, not negative, and not all 0: {dict(weights)}")
    if not 0 <= holdout < 1:
        raise InputError(f"holdout is a share of the units, 0 ≤ holdout < 1, not {holdout}")

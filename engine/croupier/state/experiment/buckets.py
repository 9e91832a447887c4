"""Buckets of hash values, and their apportionment to variants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from croupier.errors import InputError
from croupier.log.arguments import real
from croupier.log.identifiers import is_storable, shown

RANGE = 1 << 53  # number of hash values: as many as a uniform double in [0, 1) has
HOLDOUT = "hold-out"

Bucket = tuple[int, int]  # the hash values start ≤ point < end


def total_size(buckets: Iterable[Bucket]) -> int:
    """The number of hash values in all buckets.

    >>> total_size([(0, 3), (5, 6)])
    4
    """
    return sum(end - start for start, end in buckets)


def take_from_end(buckets: list[Bucket], count: int) -> list[Bucket]:
    """Remove `count` hash values from the end of a list of buckets and return them; none if `count` is not positive.

    >>> take_from_end([(0, 3), (5, 6)], 2)
    [(5, 6), (2, 3)]
    """
    taken = []
    while count > 0:
        start, end = buckets.pop()
        cut = max(start, end - count)
        taken.append((cut, end))
        if cut > start:
            buckets.append((start, cut))
        count -= end - cut
    return taken


def apportion(weights: Mapping[str, float], holdout: float | Fraction) -> dict[str, int]:
    """The number of hash values of each variant: its exact share rounded down, the rest by largest remainder.

    Args:
        weights: Of each variant; only their ratios matter.
        holdout: The share of the hold-out, 0 ≤ holdout < 1.

    Raises:
        InputError: A weight is negative, infinite or NaN, all weights are 0, a name is empty or reserved, or the
            hold-out is out of its range.

    >>> apportion({"a": 1, "b": 3}, 0.0)["a"] == RANGE // 4
    True
    """
    _check(weights, holdout)
    total, rest = sum(map(Fraction, weights.values())), 1 - Fraction(holdout)
    exact = {name: Fraction(weight) / total * rest * RANGE for name, weight in weights.items()}
    if holdout:
        exact[HOLDOUT] = Fraction(holdout) * RANGE
    sizes = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: sizes[name] - exact[name])
    for name in by_remainder[: RANGE - sum(sizes.values())]:
        sizes[name] += 1
    return sizes


def _check(weights: Mapping[str, float], holdout: float | Fraction) -> None:
    if not all(is_storable(name) for name in weights) or "" in weights or HOLDOUT in weights:
        raise InputError(
            f"the variants are {shown(list(weights))}; give each a non-empty name without NUL other than {HOLDOUT!r}, "
            "which is reserved"
        )
    given = [real(weight) for weight in weights.values()]
    if any(weight is None or weight < 0 for weight in given) or not any(given):
        raise InputError(f"weights is {shown(dict(weights))}; give finite weights of at least 0, one of them positive")
    if not isinstance(holdout, Fraction) and ((share := real(holdout)) is None or not 0 <= share < 1):
        raise InputError(f"holdout is {shown(holdout)}; give a share of the units, 0 ≤ holdout < 1")

"""Finding numbers that a scaler cannot serve, from its running moments alone: nothing is done for each event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import Finding, Reason, Vector, listed

WINDOW = 100  # values after which they become part of what is compared with; fewer while there are fewer before
FEWEST = 20  # values before anything is compared with them
FAR = 10.0  # sd: new values whose root mean square distance from the earlier mean is larger are far outside
LOST = 0.03  # of the running sd: numbers whose recent sd is smaller are encoded as nearly the same value
ACTION = "action."  # before the names of the features of actions
ROUNDING = 1e-12  # of a sum of squares: a smaller difference of two such sums is rounding
HUGE = 1e6  # a running sd so large that rounding hides whether recent values vary


Mask = NDArray[np.bool_]


class Moments(NamedTuple):
    """Counts, means and sums of squared deviations of several numbers, (n,) each."""

    counts: Vector
    means: Vector
    m2: Vector


class ScaleWatch:
    """Compares the values since an earlier look with those before it.

    The moments of both are differences of running moments (Chan, Golub & LeVeque 1983), so no value is looked at: one
    value x among n new ones raises their root mean square distance from the earlier mean to at least |x|/√n. A scale
    that such a value has widened shows afterwards, as the sd of new values is then a small part of the running one.
    What is found is kept here, beside the state of the scaler. Names may be appended, but keep their order.
    """

    def __init__(self) -> None:
        self._base = Moments(np.zeros(0), np.zeros(0), np.zeros(0))
        self._far: Counter[str] = Counter()
        self._lost: dict[str, None] = {}

    def look(self, names: Sequence[str], moments: Moments) -> list[Finding]:
        """What was found so far, given the running moments of today."""
        if not names:
            return []
        base = self._extended(len(names))
        if (moments.counts < base.counts).any():  # another state
            base = self._base = Moments(*(each.copy() for each in moments))
        far, lost, move = _compare(base, moments)
        current = self._far + Counter(_where(far, names))
        self._far.update(_where(far & move, names))
        for name in _where(move & ~lost, names):
            self._lost.pop(name, None)
        # a policy that has settled on one action observes little else of the features of actions
        self._lost.update((n, None) for n in _where(lost, names) if n in self._far or not n.startswith(ACTION))
        self._base = Moments(*(np.where(move, new, old) for new, old in zip(moments, base, strict=True)))
        constant = _where((moments.counts >= WINDOW) & ~(moments.m2 > 0.0), names)
        return [*_far_values(current), *_lost_scale(self._lost), *never_vary(constant)]

    def _extended(self, size: int) -> Moments:
        missing = size - len(self._base.counts)
        if missing < 0:
            return Moments(*(np.zeros(size) for _ in range(3)))
        return Moments(*(np.concatenate([each, np.zeros(missing)]) for each in self._base))


def _where(mask: Mask, names: Sequence[str]) -> list[str]:
    return [names[i] for i in np.flatnonzero(mask).tolist()]


def _compare(base: Moments, now: Moments) -> tuple[Mask, Mask, Mask]:
    """Which numbers had values far outside, which are lost in their scale, and which had enough new values."""
    n = now.counts - base.counts
    some = np.maximum(n, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers may be as large as floats are
        mean = (now.counts * now.means - base.counts * base.means) / some
        shift = mean - base.means
        between = base.counts * n / np.maximum(now.counts, 1.0) * shift * shift
        inside = np.maximum(now.m2 - base.m2 - between, 0.0)
        before, running = (each.m2 / np.maximum(each.counts, 1.0) for each in (base, now))
        new = inside / some
        far = (base.counts >= FEWEST) & (n > 0) & (before > 0.0) & (new + shift * shift > FAR * FAR * before)
        varies = (inside > ROUNDING * now.m2) | (np.sqrt(running) > HUGE)
    broken = ~(np.isfinite(now.means) & np.isfinite(now.m2))  # an overflow: the scaler serves no value any more
    far |= broken & np.isfinite(base.m2)
    enough = n >= np.minimum(WINDOW, np.maximum(FEWEST, base.counts))
    lost = (base.counts >= FEWEST) & enough & ~far & varies & (new < LOST * LOST * running)
    return far, lost | broken, enough | broken


def _far_values(found: Counter[str]) -> list[Finding]:
    return [
        Finding(
            Reason.FAR_VALUES,
            count,
            (name,),
            f"'{name}' had at least {count} value{'s' * (count > 1)} more than {FAR:g} standard deviations outside of "
            "what had been seen: one such value (a sentinel such as 999999, another unit) widens the scale of the "
            "feature until its usual values cannot be told apart; leave such values out, or clip them",
        )
        for name, count in found.items()
    ]


def _lost_scale(names: dict[str, None]) -> list[Finding]:
    return [
        Finding(
            Reason.LOST_SCALE,
            1,
            (name,),
            f"'{name}' varies by less than {LOST:.0%} of its scale, which earlier values have set: its values cannot "
            "be told apart, so nothing is learned from it; clip or leave out such values, and rename the feature",
        )
        for name in names
    ]


def never_vary(names: Sequence[str]) -> list[Finding]:
    """One finding about numbers that always had the same value."""
    if not names:
        return []
    verb = "has" if len(names) == 1 else "have"
    return [
        Finding(
            Reason.NEVER_VARY,
            len(names),
            tuple(names),
            f"{listed(names)} {verb} always had the same value, so nothing is learned from it; leave it out or, if "
            "the feature is missing elsewhere, give 0 there",
        )
    ]

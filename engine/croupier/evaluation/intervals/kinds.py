"""The kinds of interval, by name."""

from __future__ import annotations

from collections.abc import Sequence

from croupier.errors import InputError
from croupier.evaluation.intervals.base import IntervalFactory
from croupier.evaluation.intervals.bernstein import Bernstein
from croupier.evaluation.intervals.bernstein_sequence import BernsteinSequence, StitchedSequence
from croupier.evaluation.intervals.betting import Betting
from croupier.evaluation.intervals.bootstrap import Bootstrap
from croupier.evaluation.intervals.cressie_read import CressieRead
from croupier.evaluation.intervals.likelihood import Likelihood
from croupier.evaluation.intervals.normal import Normal

#: The kinds of interval by name; those named `…-sequence` are anytime-valid.
INTERVALS: dict[str, IntervalFactory] = {
    "normal": Normal,
    "bootstrap": Bootstrap,
    "bernstein": Bernstein,
    "likelihood": Likelihood,
    "cressie-read": CressieRead,
    "betting-sequence": Betting,
    "bernstein-sequence": BernsteinSequence,
    "stitched-sequence": StitchedSequence,
}
#: The default kinds: a fixed-sample confidence interval and an anytime-valid confidence sequence.
DEFAULT_INTERVALS = ("normal", "betting-sequence")


def interval_factories(names: Sequence[str]) -> dict[str, IntervalFactory]:
    """The kinds of these names, without duplicates. Raises InputError where a name is unknown, or none is given.

    >>> list(interval_factories(["bootstrap"]))
    ['bootstrap']
    """
    unknown = [name for name in names if name not in INTERVALS]
    if unknown or not names:
        raise InputError(f"no interval is called {unknown or names}; there are {', '.join(INTERVALS)}")
    return {name: INTERVALS[name] for name in dict.fromkeys(names)}


def unavailable_with_subsampling(names: Sequence[str], subsampled: bool) -> list[str]:
    """A note on the kinds that do not support subsampling; empty where the log was not subsampled.

    >>> unavailable_with_subsampling(["normal"], True), unavailable_with_subsampling(["betting-sequence"], False)
    ([], [])
    """
    unsupported = [name for name in dict.fromkeys(names) if not getattr(INTERVALS[name], "supports_subsampling", False)]
    if not subsampled or not unsupported:
        return []
    return [
        f"{', '.join(unsupported)}: not available, because rows were dropped (p_drop) and the number of decisions, by "
        "which it divides, is only estimated; use normal, bootstrap or likelihood"
    ]

"""The kinds of interval by name."""

from __future__ import annotations

from collections.abc import Sequence

from croupier.errors import InputError
from croupier.evaluation.intervals.base import Method
from croupier.evaluation.intervals.bernstein import Bernstein
from croupier.evaluation.intervals.betting import Betting
from croupier.evaluation.intervals.bootstrap import Bootstrap
from croupier.evaluation.intervals.cressie_read import CressieRead
from croupier.evaluation.intervals.gamma import BernsteinSequence, StitchedSequence
from croupier.evaluation.intervals.likelihood import Likelihood
from croupier.evaluation.intervals.normal import Normal

#: Every kind of interval by its name; those with `sequence` in their name hold at every look.
INTERVALS: dict[str, Method] = {
    "normal": Normal,
    "bootstrap": Bootstrap,
    "bernstein": Bernstein,
    "likelihood": Likelihood,
    "cressie-read": CressieRead,
    "betting-sequence": Betting,
    "bernstein-sequence": BernsteinSequence,
    "stitched-sequence": StitchedSequence,
}
#: What is gathered unless told otherwise: one interval for one look, one for every look.
DEFAULT = ("normal", "betting-sequence")


def methods(names: Sequence[str]) -> dict[str, Method]:
    """The kinds of these names, each once. Raises InputError where one is unknown, or none is named.

    >>> list(methods(["bootstrap"]))
    ['bootstrap']
    """
    unknown = [name for name in names if name not in INTERVALS]
    if unknown or not names:
        raise InputError(f"no interval is called {unknown or names}; there are {', '.join(INTERVALS)}")
    return {name: INTERVALS[name] for name in dict.fromkeys(names)}


def uncounted(names: Sequence[str], copied: bool) -> list[str]:
    """Which of these kinds cannot be given where rows stand for several, in words; nothing where none does.

    >>> uncounted(["normal"], True), uncounted(["betting-sequence"], False)
    ([], [])
    """
    refused = [name for name in dict.fromkeys(names) if not getattr(INTERVALS[name], "counts_copies", False)]
    if not copied or not refused:
        return []
    return [
        f"{', '.join(refused)}: refused, because rows were dropped (p_drop) and so the number of decisions, by "
        "which it divides, is only estimated; normal, bootstrap and likelihood allow for that"
    ]

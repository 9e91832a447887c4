"""The same effect within each segment, with intervals that hold for all segments at once."""

from __future__ import annotations

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.intervals.base import error_rate
from croupier.studies.statistics.effects import Effect, estimates
from croupier.studies.statistics.sequences import Course, asymptotic_sequence
from croupier.studies.statistics.windows import Windows
from croupier_policies import Vector


def by_segment(
    windows: Windows,
    treatment: int,
    control: int,
    effect: Effect | None = None,
    looks: Vector | None = None,
    level: float = 0.95,
    planned: float = 1_000,
) -> dict[int, Course]:
    """The effect over time in every segment; all intervals hold together at the level (Bonferroni).

    Their p-values are for one segment each: pass them to `corrected` before acting on any. Segments must be known
    before a unit meets its variant, and be named before the outcomes are looked at.

    Args:
        windows: With segments.
        treatment: Index of a variant.
        control: Index of another.
        effect: What to estimate; the difference per unit by default.
        looks: Times of the looks, rising; one look at all there is by default.
        level: Of all intervals together.
        planned: Units of the whole experiment at which it is tightest.

    Returns:
        A course by index of segment.

    Raises:
        InputError: The windows have no segments.
    """
    if windows.segment is None:
        raise InputError("these windows have no segments")
    segments = np.unique(windows.segment)
    each = 1 - error_rate(level, len(segments))
    return {
        int(s): asymptotic_sequence(
            estimates(windows.only(windows.segment == s), treatment, control, effect, looks),
            each,
            planned / len(segments),
        )
        for s in segments
    }

"""Effects within segments, with simultaneous confidence sequences."""

from __future__ import annotations

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.intervals.base import error_rate
from croupier.studies.statistics.effects import Effect, estimate_effect
from croupier.studies.statistics.sequences import Trajectory, asymptotic_sequence
from croupier.studies.statistics.windows import ClosedWindows
from croupier_policies import Vector


def effects_by_segment(
    windows: ClosedWindows,
    treatment: int,
    control: int,
    effect: Effect | None = None,
    looks: Vector | None = None,
    level: float = 0.95,
    planned_units: float = 1_000,
) -> dict[int, Trajectory]:
    """The effect over time in every segment; the intervals hold simultaneously at the level (Bonferroni).

    P-values are those of single segments: pass them to `correct_p_values` before acting on any. Segments must be known
    before a unit's assignment, and chosen before outcomes are looked at.

    Args:
        windows: Closed windows with segments.
        treatment: Index of the treatment variant.
        control: Index of the control variant.
        effect: The estimand; the difference per unit by default.
        looks: Times of the looks, increasing; by default a single look at all windows.
        level: Simultaneous confidence level.
        planned_units: Units of the whole experiment at which the sequences are tightest.

    Returns:
        A trajectory by index of segment.

    Raises:
        InputError: The windows have no segments.
    """
    if windows.segment is None:
        raise InputError("these windows have no segments")
    segments = np.unique(windows.segment)
    each = 1 - error_rate(level, len(segments))
    return {
        int(s): asymptotic_sequence(
            estimate_effect(windows.select(windows.segment == s), treatment, control, effect, looks),
            each,
            planned_units / len(segments),
        )
        for s in segments
    }

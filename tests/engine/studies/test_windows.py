"""Closed windows: what counts, what does not, and that later events do not change them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from croupier.errors import InputError
from croupier.studies.statistics.exposure import Events, MetricEvents, closed_windows
from croupier.studies.statistics.windows import ClosedWindows
from support import experiments as sim

HALF = np.full((5, 2), 0.5)
EVENTS = Events(
    unit=np.array(["v", "u", "u", "u", "v"]),
    variant=np.array([0, 1, 0, 1, 0]),
    at=np.array([3.0, 0.0, 4.0, 12.0, 50.0]),
    reward=np.array([1.0, 2.0, 4.0, 8.0, 16.0]),
    rewarded_at=np.array([13.5, 1.0, 9.9, 12.0, 51.0]),
    probability=HALF,
    covariate=np.array([5.0, 6.0, 7.0, 8.0, 9.0]),
    segment=np.array([2, 3, 3, 3, 2]),
)


def test_a_unit_belongs_to_its_first_variant() -> None:
    found = closed_windows(EVENTS, window=10.0, until=100.0)
    assert found.closed_at.tolist() == [10.0, 13.0]
    assert found.variant.tolist() == [1, 0]
    assert found.rewards.tolist() == [6.0, 0.0]  # v's reward came half a second late
    assert found.decisions.tolist() == [2.0, 1.0]
    assert found.covariate is not None
    assert found.covariate.tolist() == [6.0, 5.0]
    assert found.reassigned == 1


def test_a_window_ends_just_before_its_length() -> None:
    """It holds start ≤ at < start + window, for decisions, their rewards and the events of a metric alike."""
    last = float(np.nextafter(10.0, 0.0))
    events = Events(
        unit=np.array(["u"] * 4),
        variant=np.array([0, 0, 1, 1]),
        at=np.array([0.0, 1.0, last, 10.0]),
        reward=np.array([1.0, 2.0, 4.0, 8.0]),
        rewarded_at=np.array([10.0, last, last, 10.0]),
        probability=np.full((4, 2), 0.5),
    )
    found = closed_windows(events, window=10.0, until=10.0)
    assert (found.rewards.tolist(), found.decisions.tolist(), found.reassigned) == ([6.0], [3.0], 1)
    unchanged = closed_windows(events.select(np.array([0, 1, 3])), 10.0, 10.0)
    assert (unchanged.decisions.tolist(), unchanged.reassigned) == ([2.0], 0)
    assert len(closed_windows(events, 10.0, last)) == 0


def test_events_of_a_metric_count_within_the_window_of_their_unit() -> None:
    """u's window is 0 to 10, v's is 3 to 13; nobody else has one."""
    unit = np.array(["v", "u", "u", "z", "v", "a", "u", "v", "v"])
    at = np.array([13.0, 0.0, 10.0, 5.0, 2.9, 5.0, 9.9, 3.0, 12.9])
    metric = MetricEvents(unit, at, 2.0 ** np.arange(9))
    assert closed_windows(EVENTS, 10.0, 100.0, metric).rewards.tolist() == [2.0 + 64.0, 128.0 + 256.0]
    nobody = MetricEvents(unit[:0], at[:0], at[:0])
    assert closed_windows(EVENTS, 10.0, 100.0, nobody).rewards.tolist() == [0.0, 0.0]
    none = EVENTS.select(np.array([], dtype=np.int64))
    assert len(closed_windows(none, 10.0, 100.0, metric)) == 0


def test_some_of_the_windows() -> None:
    whole = closed_windows(EVENTS, 10.0, 100.0)
    assert whole.segment is not None
    (second,) = (whole.select(np.array([False, True])),)
    assert (second.closed_at.tolist(), second.variant.tolist(), second.rewards.tolist()) == ([13.0], [0], [0.0])
    assert second.covariate is not None
    assert second.segment is not None
    assert (second.covariate.tolist(), second.segment.tolist(), second.reassigned) == ([5.0], [2], 1)
    bare = closed_windows(EVENTS._replace(covariate=None, segment=None), 10.0, 100.0).select(np.array([True, False]))
    assert (bare.covariate, bare.segment, bare.decisions.tolist()) == (None, None, [2.0])


def test_open_windows_are_left_out() -> None:
    assert len(closed_windows(EVENTS, window=10.0, until=12.9)) == 1


def test_a_later_look_only_appends() -> None:
    events = sim.aa_events(np.random.default_rng(0), 200)
    early, late = closed_windows(events, 7.0, 20.0), closed_windows(events, 7.0, 30.0)
    n = len(early)
    assert 0 < n < len(late)
    assert (late.rewards[:n] == early.rewards).all()
    assert (late.variant[:n] == early.variant).all()


def test_order_of_rows_does_not_matter() -> None:
    shuffled = EVENTS.select(np.array([4, 2, 0, 3, 1]))
    assert closed_windows(shuffled, 10.0, 99.0).rewards.tolist() == [6.0, 0.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"closed_at": np.array([2.0, 1.0])}, "order"),
        ({"rewards": np.array([np.nan, 1.0])}, "not finite"),
        ({"rewards": np.zeros(3)}, "must have 2 rows"),
        ({"probability": np.array([[1.0, 0.0], [0.5, 0.5]]), "variant": np.array([1, 1])}, "probability 0"),
    ],
)
def test_invalid_rows(change: dict[str, np.ndarray], message: str) -> None:
    fine = ClosedWindows(np.array([1.0, 2.0]), np.array([0, 1]), HALF[:2], np.ones(2), np.ones(2))
    with pytest.raises(InputError, match=message):
        replace(fine, **change)


def test_a_window_must_have_a_positive_length() -> None:
    with pytest.raises(InputError, match="positive"):
        closed_windows(EVENTS, 0.0, 1.0)

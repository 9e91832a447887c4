"""Closed windows: what counts, what does not, and that nothing later changes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from croupier.errors import InputError
from croupier.studies.statistics.exposure import Events, Outcomes, closed_windows
from croupier.studies.statistics.windows import Windows
from support import experiments as sim

HALF = np.full((5, 2), 0.5)
EVENTS = Events(
    unit=np.array(["v", "u", "u", "u", "v"]),
    variant=np.array([0, 1, 0, 1, 0]),
    at=np.array([3.0, 0.0, 4.0, 12.0, 50.0]),
    reward=np.array([1.0, 2.0, 4.0, 8.0, 16.0]),
    rewarded=np.array([13.5, 1.0, 9.9, 12.0, 51.0]),
    probability=HALF,
    covariate=np.array([5.0, 6.0, 7.0, 8.0, 9.0]),
    segment=np.array([2, 3, 3, 3, 2]),
)


def test_a_unit_is_its_first_variant_and_its_window() -> None:
    found = closed_windows(EVENTS, window=10.0, until=100.0)
    assert found.closes.tolist() == [10.0, 13.0]
    assert found.variant.tolist() == [1, 0]
    assert found.rewards.tolist() == [6.0, 0.0]  # v's reward came half a second late
    assert found.decisions.tolist() == [2.0, 1.0]
    assert found.covariate is not None
    assert found.covariate.tolist() == [6.0, 5.0]
    assert found.moved == 1


def test_open_windows_are_left_out() -> None:
    assert len(closed_windows(EVENTS, window=10.0, until=12.9)) == 1


def test_a_window_is_closed_at_the_moment_at_which_it_ends() -> None:
    """u's ends at 10, v's at 13."""
    closes = [
        closed_windows(EVENTS, window=10.0, until=until).closes.tolist() for until in (np.nextafter(10.0, 0), 10.0)
    ]
    assert closes == [[], [10.0]]
    assert closed_windows(EVENTS, window=10.0, until=13.0).closes.tolist() == [10.0, 13.0]


def test_a_window_holds_its_beginning_and_not_its_end() -> None:
    """Decisions, rewards and outcomes with start ≤ at < start + 10, to the last moment."""
    last = float(np.nextafter(10.0, 0))
    events = Events(
        unit=np.array(["u"] * 5),
        variant=np.array([0, 0, 0, 0, 1]),
        at=np.array([0.0, 1.0, 1.0, last, 10.0]),
        reward=np.array([1.0, 2.0, 4.0, 8.0, 16.0]),
        rewarded=np.array([0.0, last, 10.0, 11.0, 10.0]),
        probability=HALF,
    )
    found = closed_windows(events, window=10.0, until=20.0)
    assert found.rewards.tolist() == [3.0]
    assert found.decisions.tolist() == [4.0]
    assert found.moved == 0  # the other variant was met after the window
    outcomes = Outcomes(
        unit=np.array(["u"] * 5 + ["w"]),
        at=np.array([-1e-9, 0.0, last, 10.0, 11.0, 5.0]),
        value=np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0]),
    )
    assert closed_windows(events, 10.0, 20.0, outcomes).rewards.tolist() == [6.0]


def test_a_later_look_only_appends() -> None:
    events = sim.aa_events(np.random.default_rng(0), 200)
    early, late = closed_windows(events, 7.0, 20.0), closed_windows(events, 7.0, 30.0)
    n = len(early)
    assert 0 < n < len(late)
    assert (late.rewards[:n] == early.rewards).all()
    assert (late.variant[:n] == early.variant).all()


def test_order_of_rows_does_not_matter() -> None:
    shuffled = EVENTS.only(np.array([4, 2, 0, 3, 1]))
    assert closed_windows(shuffled, 10.0, 99.0).rewards.tolist() == [6.0, 0.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"closes": np.array([2.0, 1.0])}, "order"),
        ({"rewards": np.array([np.nan, 1.0])}, "not finite"),
        ({"rewards": np.zeros(3)}, "needs the 2 rows"),
        ({"probability": np.array([[1.0, 0.0], [0.5, 0.5]]), "variant": np.array([1, 1])}, "probability 0"),
    ],
)
def test_rows_that_cannot_be(change: dict[str, np.ndarray], message: str) -> None:
    fine = Windows(np.array([1.0, 2.0]), np.array([0, 1]), HALF[:2], np.ones(2), np.ones(2))
    with pytest.raises(InputError, match=message):
        replace(fine, **change)


def test_a_window_has_a_length() -> None:
    with pytest.raises(InputError, match="positive"):
        closed_windows(EVENTS, 0.0, 1.0)

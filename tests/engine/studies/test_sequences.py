"""Sequences and the fixed test: what they say, and what they refuse to say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from croupier.errors import InputError
from croupier.evaluation.intervals.base import Interval
from croupier.studies.statistics.bounded import bernstein_sequence
from croupier.studies.statistics.corrections import corrected
from croupier.studies.statistics.effects import Effect, estimates
from croupier.studies.statistics.guardrails import Guardrail, State
from croupier.studies.statistics.sequences import asymptotic_sequence, fixed_horizon
from croupier.studies.statistics.windows import Windows
from support import experiments as sim


def clicks(seed: int, n: int, rate: float, p: float, effect: float = 0.0) -> Windows:
    rng = np.random.default_rng([50, seed])
    variant = (rng.random(n) < p).astype(np.int64)
    y = (rng.random(n) < rate + effect * variant).astype(float)
    return Windows(np.arange(n, dtype=float), variant, sim.two_variants(np.full(n, p)), y, np.ones(n))


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_the_p_value_and_the_interval_say_the_same(scale: str) -> None:
    w = clicks(0, 6_000, 0.3, 0.5, 0.05)
    path = estimates(w, 1, 0, Effect("unit", scale), looks=np.arange(50.0, 6_000, 50))  # type: ignore[arg-type]
    course = asymptotic_sequence(path, 0.95)
    nothing = 0.0 if scale == "difference" else 1.0
    out = np.logical_or.accumulate((course.low > nothing) | (course.high < nothing))
    assert ((course.p < 0.05) == out).all()
    assert out.any()
    assert not out.all()


def test_rare_rewards_and_a_small_share_do_not_make_false_findings() -> None:
    """Fifty units may hold no success yet, and then seem to have no variance either."""
    looks, runs = np.arange(500.0, 40_000, 500), 50
    wrong = hasty = spoken = 0
    for seed in range(runs):
        path = estimates(clicks(seed, 40_000, 0.02, 0.05), 1, 0, looks=looks)
        course = asymptotic_sequence(path, planned_units=2_000)
        spoken += bool(np.isfinite(course.low).any())
        wrong += bool((course.p <= 0.05).any())
        hasty += bool((asymptotic_sequence(path._replace(effective=path.units), planned_units=2_000).p <= 0.05).any())
    bound = binom.isf(0.001, runs, 0.05)
    assert spoken == runs
    assert wrong <= bound < hasty


def test_nothing_is_said_before_there_are_enough_effective_units() -> None:
    course = asymptotic_sequence(estimates(clicks(0, 2_000, 0.01, 0.5, 0.2), 1, 0, looks=np.array([60.0, 1_999.0])))
    assert course.low[0] == -np.inf
    assert course.p[0] == 1.0
    assert course.last.low > 0.1


def test_a_fixed_test_is_for_one_look_and_narrower() -> None:
    w = clicks(1, 4_000, 0.3, 0.5, 0.05)
    path = estimates(w, 1, 0)
    one, any_ = fixed_horizon(path).last, asymptotic_sequence(path).last
    assert any_.low < one.low < one.high < any_.high
    assert "fixed horizon" in one.guarantee
    with pytest.raises(InputError, match="asymptotic_sequence"):
        fixed_horizon(estimates(w, 1, 0, looks=np.array([1_000.0, 3_999.0])))


@pytest.mark.parametrize("planned", [0.0, -1.0])
def test_planned_is_a_number_of_units(planned: float) -> None:
    with pytest.raises(InputError):
        asymptotic_sequence(estimates(clicks(0, 100, 0.5, 0.5), 1, 0), planned=planned)


def test_the_bounded_sequence_covers_at_every_unit_and_finds_large_effects() -> None:
    runs = 150
    missed = sum(
        bool(((s.low > 0.1) | (s.high < 0.1)).any())
        for s in (bernstein_sequence(clicks(k, 1_500, 0.2, 0.5, 0.1), 1, 0, 1.0, 0.5) for k in range(runs))
    )
    assert missed <= binom.isf(0.001, runs, 0.05)
    found = bernstein_sequence(clicks(0, 5_000, 0.1, 0.5, 0.4), 1, 0, 1.0, 0.5)
    assert 0 < found.last.low < 0.4 < found.last.high
    assert found.p[-1] < 0.05


def test_the_bounded_sequence_refuses_what_breaks_its_bounds() -> None:
    with pytest.raises(InputError, match="declared"):
        bernstein_sequence(clicks(0, 100, 0.5, 0.5), 1, 0, largest=0.5, floor=0.5)
    with pytest.raises(InputError, match="floor"):
        bernstein_sequence(clicks(0, 100, 0.5, 0.2), 1, 0, largest=1.0, floor=0.5)


def test_holm_keeps_the_chance_of_any_wrong_rejection() -> None:
    rng = np.random.default_rng(8)
    runs = 2_000
    p = rng.random((runs, 10))
    p[:, :4] = 1e-6  # four true effects; six null metrics remain
    wrong = sum(bool((corrected(row)[4:] <= 0.05).any()) for row in p)
    assert wrong <= binom.isf(0.001, runs, 0.05)
    assert sum(bool((row[4:] <= 0.05).any()) for row in p) > 3 * wrong


def test_discovery_corrections_are_ordered_as_their_guarantees() -> None:
    p = np.array([0.001, 0.012, 0.02, 0.04, 0.8])
    hochberg, yekutieli = corrected(p, "benjamini-hochberg"), corrected(p, "benjamini-yekutieli")
    assert hochberg == pytest.approx([0.005, 0.03, 0.1 / 3, 0.05, 0.8])
    assert (yekutieli >= hochberg).all()
    assert (corrected(p) >= hochberg).all()
    with pytest.raises(InputError, match="holm"):
        corrected(p, "none")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "state"), [(-0.01, 1.0, State.KEPT), (-0.1, 0.1, State.OPEN), (-0.2, -0.05, State.BROKEN)]
)
def test_guardrails(low: float, high: float, state: State) -> None:
    assert Guardrail("speed", 0.02).state(Interval(low, high, 0.95, "")) is state


def test_a_guardrail_needs_a_margin() -> None:
    with pytest.raises(InputError, match="never be shown"):
        Guardrail("speed", 0.0)

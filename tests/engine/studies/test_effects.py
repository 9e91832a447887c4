"""Effect estimates: unbiased, with correct standard errors, under changing weights."""

from __future__ import annotations

import numpy as np
import pytest

from croupier.errors import InputError
from croupier.studies.statistics.effects import Effect, EffectEstimates, estimate_effect
from croupier.studies.statistics.segments import effects_by_segment
from croupier.studies.statistics.windows import ClosedWindows
from croupier_policies import Vector


def world(seed: int, n: int = 1_500) -> ClosedWindows:
    """Units with unequal numbers of decisions; later ones earn more, and meet the treatment less often."""
    rng = np.random.default_rng([40, seed])
    p = np.where(np.arange(n) < n // 2, 0.8, 0.2)
    variant = (rng.random(n) < p).astype(np.int64)
    probability = np.column_stack([1 - p, p])
    d = 1.0 + rng.poisson(rng.gamma(1.0, 3.0, n))
    rate = np.where(np.arange(n) < n // 2, 0.2, 0.6) + 0.1 * variant
    x = rng.normal(size=n)
    y = rng.binomial(d.astype(np.int64), rate) + 0.8 * x
    return ClosedWindows(np.arange(n, dtype=float), variant, probability, y, d, x, rng.integers(0, 2, n))


def over_runs(effect: Effect, runs: int = 400) -> tuple[Vector, Vector]:
    found = [estimate_effect(world(seed), 1, 0, effect) for seed in range(runs)]
    return np.array([p.value[0] for p in found]), np.array([p.error[0] for p in found])


# d is 1 + Poisson(Gamma(1, 3)), so 4 on average; the mean rate is .4 for the control and .5 for the treatment
TRUTHS = {
    Effect(): 0.4,
    Effect(adjusted=False): 0.4,
    Effect("decision"): 0.1,
    Effect("unit", "ratio"): float(np.log(5 / 4)),
    Effect("decision", "ratio"): float(np.log(5 / 4)),
}


@pytest.mark.parametrize("effect", TRUTHS, ids=str)
def test_the_estimate_is_unbiased_and_its_standard_error_is_right(effect: Effect) -> None:
    values, errors = over_runs(effect)
    assert abs(values.mean() - TRUTHS[effect]) < 3.5 * values.std() / np.sqrt(len(values))
    assert errors.mean() == pytest.approx(values.std(), rel=0.12)  # the sd of 400 has a relative error of 3.5 %
    covered = (np.abs(values - TRUTHS[effect]) < 1.96 * errors).mean()
    assert 0.91 < covered < 0.985


def test_raw_means_are_biased_where_weights_and_levels_change() -> None:
    raw = []
    for seed in range(50):
        w = world(seed)
        raw.append(w.rewards[w.variant == 1].mean() - w.rewards[w.variant == 0].mean())
    assert np.mean(raw) < -0.2  # the truth is +.4


def test_under_constant_weights_it_is_the_difference_of_means() -> None:
    rng = np.random.default_rng(5)
    n = 4_000
    variant = rng.integers(0, 2, n)
    y = rng.gamma(2.0, 1.0, n) + 0.3 * variant
    w = ClosedWindows(np.arange(n, dtype=float), variant, np.full((n, 2), 0.5), y, np.ones(n))
    found = estimate_effect(w, 1, 0)
    by_variant = [y[variant == v] for v in (0, 1)]
    assert found.value[0] == pytest.approx(by_variant[1].mean() - by_variant[0].mean(), abs=0.01)
    assert found.error[0] == pytest.approx(np.sqrt(sum(s.var() / len(s) for s in by_variant)), rel=0.02)


def test_a_look_uses_only_the_windows_closed_by_then() -> None:
    w = world(0)
    both = estimate_effect(w, 1, 0, looks=np.array([499.0, 999.0]))
    first = estimate_effect(w.select(w.closed_at <= 499.0), 1, 0)
    for field in ("value", "error", "weight", "effective"):
        assert getattr(both, field)[0] == pytest.approx(getattr(first, field)[0], rel=1e-9)
    assert both.units.sum(axis=1).tolist() == [500.0, 1000.0]


def test_a_third_variant_does_not_change_the_contrast_of_two() -> None:
    w = world(1)
    third = np.arange(len(w)) % 3 == 0
    half = np.column_stack([w.probability * 0.5, np.full(len(w), 0.5)])
    with_third = ClosedWindows(w.closed_at, np.where(third, 2, w.variant), half, w.rewards, w.decisions, w.covariate)
    assert estimate_effect(with_third, 1, 0).value[0] == pytest.approx(
        estimate_effect(w.select(~third), 1, 0).value[0], rel=1e-12
    )


def test_the_error_is_infinite_without_units_or_variance() -> None:
    w = world(2)
    none: EffectEstimates = estimate_effect(w.select(w.closed_at < 0), 1, 0)
    flat = estimate_effect(ClosedWindows(w.closed_at, w.variant, w.probability, np.zeros(len(w)), w.decisions), 1, 0)
    assert np.isinf(none.error[0])
    assert np.isinf(flat.error[0])


def test_a_variant_is_not_compared_with_itself() -> None:
    with pytest.raises(InputError):
        estimate_effect(world(0), 1, 1)


def test_segments_are_analysed_separately_at_a_higher_level() -> None:
    w = world(3)
    found = effects_by_segment(w, 1, 0, level=0.9)
    assert set(found) == {0, 1}
    assert all(trajectory.level == pytest.approx(0.95) for trajectory in found.values())
    assert w.segment is not None
    assert found[0].value[0] == pytest.approx(estimate_effect(w.select(w.segment == 0), 1, 0).value[0])
    with pytest.raises(InputError, match="no segments"):
        effects_by_segment(ClosedWindows(w.closed_at, w.variant, w.probability, w.rewards, w.decisions), 1, 0)

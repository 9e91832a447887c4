"""The logged propensity is how likely the draw was: over 100,000 decisions, among changing actions, some excluded."""

from __future__ import annotations

import random

import numpy as np

from croupier import Engine
from croupier.log.ids import counted

N = 100_000
BINS = np.array([0.0, 0.003, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 1.0])


def test_what_is_logged_is_how_often_it_is_drawn() -> None:
    rng, sums, hits, variance = random.Random(1), *(np.zeros(len(BINS)) for _ in range(3))
    weights, spread = 0.0, 0.0
    with Engine.open("sqlite://", seed=11, learner=None, ids=counted()) as engine:
        for n in range(N):
            actions = rng.sample([f"a{n // 20_000 + k}" for k in range(7)], rng.randrange(2, 6))
            barred = actions[2:3] if n % 2 else []
            decision = engine.choose({"x": rng.gauss(0, 1), "s": str(n % 3)}, actions, exclude=barred)
            assert set(decision.propensities) == set(actions) - set(barred)
            p = np.array(list(decision.propensities.values()))
            drawn = np.array([a == decision.action for a in decision.propensities])
            place = np.digitize(p, BINS) - 1
            np.add.at(sums, place, p)
            np.add.at(hits, place, drawn)
            np.add.at(variance, place, p * (1 - p))
            weights += 1 / (len(p) * decision.propensity)
            spread += float((1 / (len(p) ** 2 * p)).sum()) - 1
            engine.reward(decision.id, float(rng.random() < 0.2 + 0.1 * (int(decision.action[1:]) % 3)))
    # Bernstein's bound for martingales, at one in ten thousand a bin.
    for total, expected, v in zip(hits, sums, variance, strict=True):
        assert abs(total - expected) <= 6.7 + np.sqrt(6.7**2 + 20 * v)
    assert variance.min() >= 0
    assert (sums > 100).sum() >= 8, "the draws reach into most bins"
    largest = 1 / 0.01
    assert abs(weights - N) <= largest * 3.3 + np.sqrt((largest * 3.3) ** 2 + 20 * spread)

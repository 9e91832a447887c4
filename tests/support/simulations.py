"""The reference simulations: streams with known expected rewards, so that the value of a policy is known exactly.

*Lift* is (value of the policy - uniform's) / (oracle's - uniform's): 1 for the oracle, 0 for the uniform policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies import Actions, Policy, Vector, draw, uniform

Matrix = NDArray[np.float64]
FEATURES = 10


class Stream(NamedTuple):
    """Contexts, and the reward of every action in each of them."""

    contexts: Matrix  # (n, d)
    actions: Actions
    means: Matrix  # (n, K), the expected rewards
    rewards: Matrix  # (n, K), the rewards, of which only that of the drawn action is revealed


def _logistic(logits: Matrix) -> Matrix:
    return 1.0 / (1.0 + np.exp(-logits))


def _intercept(logits: Matrix, mean: float) -> float:
    """The b for which the mean of 1 / (1 + exp(-logits - b)) is `mean`, by bisection."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _logistic(logits + middle).mean() < mean else (low, middle)
    return low


def _names(count: int) -> Actions:
    return Actions(tuple(f"a{k}" for k in range(count)))


def _bernoulli(rng: np.random.Generator, contexts: Matrix, actions: Actions, means: Matrix) -> Stream:
    return Stream(contexts, actions, means, (rng.random(means.shape) < means).astype(np.float64))


def _linear(rng: np.random.Generator, contexts: Matrix, count: int, slope: float, offset: float) -> Matrix:
    """θ_a·x + c_a with θ_a ~ N(0, slope·I/10) and c_a ~ N(0, offset), shape (n, count)."""
    theta = rng.normal(0.0, (slope / FEATURES) ** 0.5, (FEATURES, count))
    return np.asarray(contexts @ theta + rng.normal(0.0, offset**0.5, count))


def clicks(mean: float, count: int, n: int, seed: int) -> Stream:
    """Clicks whose rate under the uniform policy is `mean`: logit = θ_a·x + c_a + b."""
    rng = np.random.default_rng(seed)
    contexts = rng.normal(size=(n, FEATURES))
    logits = _linear(rng, contexts, count, 1.0, 0.25)
    return _bernoulli(rng, contexts, _names(count), _logistic(logits + _intercept(logits, mean)))


def continuous(count: int, n: int, seed: int) -> Stream:
    """Rewards in [0, 1] with mean (θ_a·x + c_a + 5) / 10 and noise N(0, .1²)."""
    rng = np.random.default_rng(seed)
    contexts = rng.normal(size=(n, FEATURES))
    means = (_linear(rng, contexts, count, 1.0, 0.25) + 5.0) / 10.0
    rewards = np.clip(means + rng.normal(0.0, 0.1, means.shape), 0.0, 1.0)
    return Stream(contexts, _names(count), means, rewards)


def drift(count: int, n: int, seed: int) -> Stream:
    """Clicks at a rate of about .2 from strong signals; all coefficients are redrawn at half-time."""
    rng = np.random.default_rng(seed)
    contexts = rng.normal(size=(n, FEATURES))
    halves = (contexts[: n // 2], contexts[n // 2 :])
    logits = np.concatenate([_linear(rng, half, count, 2.25, 0.75**2) for half in halves])
    return _bernoulli(rng, contexts, _names(count), _logistic(logits + np.log(0.2 / 0.8)))


def many(count: int, n: int, seed: int) -> Stream:
    """Clicks at 5 % on many actions with features: logit = √.7·z_aᵀWx + √.3·δ_a·x + c_a + b.

    The intercept c_a is half of √.7·z_aᵀw + √.3·c'_a.
    """
    rng, d = np.random.default_rng(seed), 8
    contexts, z = rng.normal(size=(n, d)), rng.normal(size=(count, d))
    shared = z @ rng.normal(0.0, 1.0 / d, (d, d)), z @ rng.normal(0.0, d**-0.5, d)
    own = rng.normal(0.0, d**-0.5, (count, d)), rng.normal(size=count)
    slopes, offsets = (0.7**0.5 * s + 0.3**0.5 * o for s, o in zip(shared, own, strict=True))
    logits = contexts @ slopes.T + 0.5 * offsets
    actions = Actions(_names(count).ids, tuple(z))
    return _bernoulli(rng, contexts, actions, _logistic(logits + _intercept(logits, 0.05)))


PROBLEMS = (
    (0.10, 0.12),
    (0.50, 0.55),
    (0.90, 0.80),
    (0.010, 0.013),
    (0.5, 0.45, 0.4, 0.4, 0.3),
    (0.02, 0.015, 0.015, 0.01, 0.01),
    (0.9, 0.85, 0.8, 0.5, 0.1),
)


def contextfree(means: tuple[float, ...], n: int, seed: int) -> Stream:
    """Bernoulli rewards without a context."""
    rng = np.random.default_rng(seed)
    return _bernoulli(rng, np.zeros((n, 0)), _names(len(means)), np.tile(means, (n, 1)))


def classes(rows: Matrix, labels: NDArray[np.int64], seed: int) -> Stream:
    """Shuffled labelled rows as a bandit: an action is a class, with reward 1 for the right one."""
    order = np.random.RandomState(seed).permutation(len(labels))
    rewards = np.eye(int(labels.max()) + 1)[labels[order]]
    return Stream(rows[order], _names(rewards.shape[1]), rewards, rewards)


def play(policy: Policy, stream: Stream, seed: int) -> Vector:
    """Run `policy` through the stream; the expected reward of its probability vector at each step, (n,)."""
    expected = np.empty(len(stream.contexts))
    for t, context in enumerate(stream.contexts):
        p = policy.probabilities(context, stream.actions)
        k = draw(p, uniform(seed, "draw", str(t)))
        policy.learn(context, stream.actions, k, float(stream.rewards[t, k]), float(p[k]))
        expected[t] = p @ stream.means[t]
    return expected


def lift(stream: Stream, expected: Vector, start: int = 0) -> float:
    """The lift from step `start` on, of a policy with these expected rewards, (n,)."""
    means = stream.means[start:]
    base, best = means.mean(), means.max(axis=1).mean()
    return float((expected[start:].mean() - base) / (best - base))


def thompson_regret(means: tuple[float, ...], n: int, runs: int, seed: int) -> float:
    """The expected regret of Beta(1, 1) Thompson sampling after n steps, averaged over `runs` parallel runs."""
    rng, rates = np.random.default_rng(seed), np.array(means)
    wins, losses = np.ones((runs, len(means))), np.ones((runs, len(means)))
    every, regret = np.arange(runs), 0.0
    for _ in range(n):
        chosen = rng.beta(wins, losses).argmax(axis=1)
        reward = rng.random(runs) < rates[chosen]
        wins[every, chosen] += reward
        losses[every, chosen] += ~reward
        regret += float((rates.max() - rates[chosen]).mean())
    return regret


def regret_ratio(make: Callable[[], Policy], n: int, seeds: Sequence[int]) -> float:
    """The expected regret of a policy divided by that of Thompson sampling, averaged over the seven problems."""
    ratios = []
    for means in PROBLEMS:
        regrets = [(max(means) - play(make(), contextfree(means, n, seed), seed)).sum() for seed in seeds]
        ratios.append(np.mean(regrets) / thompson_regret(means, n, 100, 0))
    return float(np.mean(ratios))

# ruff: noqa: S101  (these are tests: asserting is their work)
"""Checks of policies that process a batch of contexts at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from croupier_policies.base import Actions
from croupier_policies.checks.states import bitwise_equal
from croupier_policies.policies.linear import LinearPolicy

CONTEXTS = np.random.default_rng(1).normal(size=(7, 5))
WITHOUT_FEATURES = Actions(tuple(f"a{k}" for k in range(20)))
WITH_FEATURES = Actions(("a0", "a1"), (np.array([1.0]), np.array([2.0])))


def check_batches_agree(make: Callable[[], LinearPolicy], tolerance: float = 1e-9) -> None:
    """Batch probabilities equal single ones, untrained and trained, for known and new actions."""
    for actions in (WITHOUT_FEATURES, WITH_FEATURES):
        policy = make()
        _compare(policy, actions, tolerance)
        rng = np.random.default_rng(0)
        for t in range(120):
            policy.learn(rng.normal(size=5), actions, t % (len(actions) - 1), float(rng.random()), 0.5)
        _compare(policy, actions, tolerance)


def check_batches_learn(make: Callable[[], LinearPolicy], tolerance: float = 1e-9) -> None:
    """Learning a batch equals learning its events in order; with a tolerance of 0, bit for bit."""
    rng = np.random.default_rng(0)
    for actions in (WITHOUT_FEATURES, WITH_FEATURES):
        single, batch = make(), make()
        for size in (1, 60, 7):
            contexts, rewards, indices = (
                rng.normal(size=(size, 5)),
                rng.random(size),
                rng.integers(len(actions), size=size),
            )
            for x, index, reward in zip(contexts, indices, rewards, strict=True):
                single.learn(x, actions, int(index), float(reward), 0.5)
            batch.learn_batch(contexts, actions, indices, rewards, np.full(size, 0.5))
            for x in CONTEXTS:
                p, q = (policy.probabilities(x, actions) for policy in (single, batch))
                assert np.abs(p - q).max() <= tolerance, f"after a batch {q}, after its events {p}"
        assert tolerance or bitwise_equal(single.state(), batch.state()), "a batch and its events give different states"


def _compare(policy: LinearPolicy, actions: Actions, tolerance: float) -> None:
    batch = policy.probabilities_batch(CONTEXTS, actions)
    single = np.stack([policy.probabilities(x, actions) for x in CONTEXTS])
    assert batch.shape == single.shape, f"{batch.shape} for {single.shape}"
    assert np.allclose(batch, single, rtol=0.0, atol=tolerance), "batch and single probabilities differ"

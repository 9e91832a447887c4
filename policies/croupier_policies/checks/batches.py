# ruff: noqa: S101  (these are tests: asserting is their work)
"""What holds for policies that answer a batch of contexts at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from croupier_policies.base import Actions
from croupier_policies.checks.states import bitwise_equal
from croupier_policies.policies.linear import LinearPolicy

CONTEXTS = np.random.default_rng(1).normal(size=(7, 5))
PLAIN = Actions(tuple(f"a{k}" for k in range(20)))
DESCRIBED = Actions(("a0", "a1"), (np.array([1.0]), np.array([2.0])))


def check_batches_agree(make: Callable[[], LinearPolicy], tolerance: float = 1e-9) -> None:
    """Every context of a batch gets what it would get alone, untaught and taught, from actions known and new."""
    for actions in (PLAIN, DESCRIBED):
        policy = make()
        _compare(policy, actions, tolerance)
        rng = np.random.default_rng(0)
        for t in range(120):
            policy.learn(rng.normal(size=5), actions, t % (len(actions) - 1), float(rng.random()), 0.5)
        _compare(policy, actions, tolerance)


def check_batches_learn(make: Callable[[], LinearPolicy], tolerance: float = 1e-9) -> None:
    """A batch teaches what its events teach one after another; with a tolerance of 0, bit for bit."""
    rng = np.random.default_rng(0)
    for actions in (PLAIN, DESCRIBED):
        alone, together = make(), make()
        for size in (1, 60, 7):
            contexts, rewards, indices = (
                rng.normal(size=(size, 5)),
                rng.random(size),
                rng.integers(len(actions), size=size),
            )
            for x, index, reward in zip(contexts, indices, rewards, strict=True):
                alone.learn(x, actions, int(index), float(reward), 0.5)
            together.learn_batch(contexts, actions, indices, rewards, np.full(size, 0.5))
            for x in CONTEXTS:
                p, q = (policy.probabilities(x, actions) for policy in (alone, together))
                assert np.abs(p - q).max() <= tolerance, f"a batch taught {q}, its events {p}"
        assert tolerance or bitwise_equal(alone.state(), together.state()), (
            "a batch leaves another state than its events"
        )


def _compare(policy: LinearPolicy, actions: Actions, tolerance: float) -> None:
    together = policy.probabilities_batch(CONTEXTS, actions)
    alone = np.stack([policy.probabilities(x, actions) for x in CONTEXTS])
    assert together.shape == alone.shape, f"{together.shape} for {alone.shape}"
    assert np.allclose(together, alone, rtol=0.0, atol=tolerance), "together they get other probabilities than alone"

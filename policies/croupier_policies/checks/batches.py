# ruff: noqa: S101  (these are tests: asserting is their work)
"""What holds for policies that answer a batch of contexts at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from croupier_policies.base import Actions
from croupier_policies.linear_policy import LinearPolicy

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


def _compare(policy: LinearPolicy, actions: Actions, tolerance: float) -> None:
    together = policy.probabilities_batch(CONTEXTS, actions)
    alone = np.stack([policy.probabilities(x, actions) for x in CONTEXTS])
    assert together.shape == alone.shape, f"{together.shape} for {alone.shape}"
    assert np.allclose(together, alone, rtol=0.0, atol=tolerance), "together they get other probabilities than alone"

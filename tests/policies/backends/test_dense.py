"""Array contexts: the fused kernels equal the separate steps bit for bit."""

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from croupier_policies import Actions, InverseGap, Law, LinearPolicy, RidgeModel, Softmax
from croupier_policies.backends.base import Backend
from croupier_policies.backends.numba import NumbaBackend
from croupier_policies.checks.states import bitwise_equal
from croupier_policies.encoding.encoder import Encoder


class OneByOne(NumbaBackend):
    """The numba backend without the fused kernels."""

    dense_ridge = Backend.dense_ridge


@pytest.mark.parametrize("law", [Softmax(), InverseGap()], ids=lambda law: law.name)
@settings(max_examples=10)
@given(actions=st.integers(1, 40), width=st.integers(0, 8), waves=st.sampled_from([0, 5]), seed=st.integers(0, 10**6))
def test_fused_kernels_have_the_same_bits(law: Law, actions: int, width: int, waves: int, seed: int) -> None:
    rng, candidates = np.random.default_rng(seed), Actions(tuple(f"a{k}" for k in range(actions)))
    fused, other = (LinearPolicy(model=RidgeModel(waves=waves), law=law) for _ in range(2))
    other.model.backend = OneByOne()
    for x in rng.normal(size=(40, width)):
        assert bitwise_equal(fused.probabilities(x, candidates), other.probabilities(x, candidates))
        k, reward = int(rng.integers(actions)), float(rng.random())
        fused.learn(x, candidates, k, reward, 0.5)
        other.learn(x, candidates, k, reward, 0.5)
    assert bitwise_equal(fused.state(), other.state())


def test_read_only_contexts_have_the_same_bits() -> None:
    rows, actions = np.random.default_rng(0).normal(size=(20, 3)), Actions(("a", "b"))
    frozen = rows.copy()
    frozen.flags.writeable = False
    one, other = LinearPolicy(), LinearPolicy()
    for x, y in zip(rows, frozen, strict=True):
        assert bitwise_equal(one.probabilities(x, actions), other.probabilities(y, actions))
        one.learn(x, actions, 0, 0.5, 0.5)
        other.learn(y, actions, 0, 0.5, 0.5)
    assert bitwise_equal(one.state(), other.state())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda policy: pickle.loads(pickle.dumps(policy))])  # noqa: S301 # our own bytes
def test_a_copy_learns_independently_of_its_original(copied: Callable[[LinearPolicy], LinearPolicy]) -> None:
    x, actions = np.array([1.0, 2.0]), Actions(("a", "b"))
    policy = LinearPolicy()
    policy.learn(x, actions, 0, 1.0, 0.5)
    before, other = policy.state(), copied(policy)
    other.learn(x + 1.0, actions, 0, 0.0, 0.5)
    assert bitwise_equal(policy.state(), before)
    policy.learn(x + 1.0, actions, 0, 0.0, 0.5)
    assert bitwise_equal(policy.state(), other.state())


def test_the_largest_numbers_are_clipped_before_observing() -> None:
    encoder = Encoder(8)
    for x in (1.7e308, -1.7e308, 0.0):
        encoder.observe(np.array([x]))
    assert np.isfinite(encoder.state()["m2"]).all()
    assert encoder.encode(np.array([1.7e308])).vals.tolist() == pytest.approx([1.0, 1.5, 2.0])


def test_a_variance_that_underflows_counts_as_zero() -> None:
    encoder = Encoder(8)
    for x in (0.0, 3e-162, 0.0, 0.0, 0.0):
        encoder.observe(np.array([x]))
    state = encoder.state()
    state["m2"][:] = 5e-324  # the smallest there is: a fifth of it is 0
    encoder.restore(state)
    assert encoder.encode(np.array([1.0])).vals.tolist() == [1.0, 0.0, 0.0]
    assert encoder.scaler(np.zeros(1)).encode_batch(np, [[1.0]], 3).tolist() == [[1.0, 0.0, 0.0]]

"""The catalogue policy: kernels against formulas, new items and users, drift, subsets, and caches."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier_policies import Actions, CataloguePolicy, PolicyError
from croupier_policies.base import RemainingActions
from croupier_policies.catalogue.lists import enumerate_marginals, list_marginals
from croupier_policies.checks.states import bitwise_equal, through_storage
from croupier_policies.exploration.sampling import draw
from croupier_policies.factors.svd import truncated_svd
from croupier_policies.kernels import catalogue as catalogue_kernels
from croupier_policies.reference import catalogue as catalogue_reference
from croupier_policies.reference.catalogue import Parameters, StepSizes

USERS, ITEMS, WIDTH = 40, 60, 4


class World:
    """Users with preferences over the features of items, and beyond them."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.features = rng.normal(size=(ITEMS, WIDTH))
        self.actions = Actions(tuple(f"i{k}" for k in range(ITEMS)), tuple(self.features))
        self.tastes = rng.normal(size=(USERS, WIDTH)) + rng.normal(size=WIDTH)
        self.beyond = rng.normal(0.0, 0.5, (USERS, ITEMS))

    def chances(self, user: int) -> np.ndarray:
        """Of every item, (K,)."""
        return np.asarray(1.0 / (1.0 + np.exp(1.5 - self.tastes[user] @ self.features.T - self.beyond[user])))

    def value(self, policy: CataloguePolicy) -> float:
        """The mean chance of what it would draw, over all users."""
        contexts = [{"unit": f"u{user}"} for user in range(USERS)]
        values = [
            policy.probabilities(context, self.actions) @ self.chances(user) for user, context in enumerate(contexts)
        ]
        return float(np.mean(values))

    def play(self, policy: CataloguePolicy, events: int, actions: Actions, seed: int = 1) -> float:
        """Choose and learn among these; the mean chance of what was drawn."""
        rng, total, columns = np.random.default_rng(seed), 0.0, [int(id[1:]) for id in actions.ids]
        for _ in range(events):
            user = int(rng.integers(USERS))
            chances = self.chances(user)[columns]
            p = policy.probabilities({"unit": f"u{user}"}, actions)
            k = draw(p, rng.random())
            policy.learn({"unit": f"u{user}"}, actions, k, float(rng.random() < chances[k]), float(p[k]))
            total += float(chances[k])
        return total / events


def dense(columns: int, cols: np.ndarray, vals: np.ndarray) -> np.ndarray:
    out = np.zeros(columns)
    out[cols] = vals
    return out


@given(st.integers(0, 2**32), st.integers(0, 3))
def test_kernels_equal_the_formulas(seed: int, rank: int) -> None:
    rng, columns = np.random.default_rng(seed), 5
    W, G = rng.normal(size=(columns, columns)), rng.random((columns, columns))  # noqa: N806
    users, items = rng.normal(size=(3, columns + rank)), rng.normal(size=(4, 1 + rank))
    z_cols, x_cols = (np.sort(rng.choice(columns, 3, replace=False)) for _ in range(2))
    z_vals, x_vals = rng.normal(size=(2, 3))
    z, x = dense(columns, z_cols, z_vals), dense(columns, x_cols, x_vals)
    steps, reward = StepSizes(0.3, 0.4, 0.05, 0.2, 0.01), float(rng.random())
    matrix = np.concatenate([rng.normal(size=(columns, 4)), items.T])
    out = np.empty(4)
    catalogue_kernels.scores(x_cols, x_vals, W, users[1], columns, matrix, 0.5, out)
    expected = [
        catalogue_reference.logit(matrix[:columns, k], x, Parameters(W, G, users[1], items[k])) / 0.5 for k in range(4)
    ]
    assert out == pytest.approx(expected, abs=1e-9)
    wanted = catalogue_reference.probabilities(0.5 * out, 0.5, 0.1)
    catalogue_kernels.below_top(out)
    np.exp(out, out=out)
    catalogue_kernels.shares(out, 0.1)
    assert out == pytest.approx(wanted, abs=1e-12)
    after = catalogue_reference.learn(z, x, Parameters(W, G, users[1], items[2]), reward, steps)
    catalogue_kernels.learn(
        z_cols, z_vals, x_cols, x_vals, W, G, users, 1, items, 2, columns, reward, *steps
    )  # fmt: skip
    for one, other in zip((W, G, users[1], items[2]), after, strict=True):
        assert one == pytest.approx(other, abs=1e-12)


def test_it_learns_the_preferences_of_every_user() -> None:
    world, policy = World(), CataloguePolicy()
    first, last = (world.play(policy, 2500, world.actions, seed) for seed in (1, 2))
    best = np.mean([world.chances(user).max() for user in range(USERS)])
    mean = np.mean([world.chances(user).mean() for user in range(USERS)])
    assert first > mean + 0.4 * (best - mean)
    assert last > mean + 0.6 * (best - mean)


def test_new_items_are_ranked_by_features_and_new_users_by_the_population() -> None:
    """AUC over pairs of items without any decision: for known users, and for an unknown one."""
    world, policy = World(), CataloguePolicy()
    half = Actions(world.actions.ids[:30], tuple(world.features[:30]))
    world.play(policy, 4000, half)
    new = Actions(world.actions.ids[30:], tuple(world.features[30:]))
    population = np.mean([world.chances(user)[30:] for user in range(USERS)], axis=0)
    known = [_auc(policy.scores({"unit": f"u{user}"}, new), world.chances(user)[30:]) for user in range(USERS)]
    assert np.mean(known) > 0.75
    assert _auc(policy.scores({"unit": "newcomer"}, new), population) > 0.75
    assert _auc(policy.scores({}, new), population) > 0.75


def _auc(scores: np.ndarray, truth: np.ndarray) -> float:
    higher = truth[:, None] > truth[None, :]
    return float((scores[:, None] > scores[None, :])[higher].mean())


def test_initial_factors_replace_many_rewards() -> None:
    world, rng = World(), np.random.default_rng(5)
    users, items = rng.integers(USERS, size=6000), rng.integers(ITEMS, size=6000)
    values = [float(rng.random() < world.chances(u)[i]) for u, i in zip(users, items, strict=True)]
    start = truncated_svd([f"u{u}" for u in users], [f"i{i}" for i in items], values, rank=4, logit=True)
    started = CataloguePolicy(start=start)
    cold = CataloguePolicy()
    assert world.value(started) > world.value(cold) + 0.3
    world.play(cold, 20, world.actions)
    assert world.value(started) > world.value(cold) + 0.02, "before its own first reward, beside twenty"
    twin = CataloguePolicy(**json.loads(json.dumps(CataloguePolicy(start=start).config())))
    assert bitwise_equal(twin.state(), CataloguePolicy(start=start).state())


def test_a_subset_of_a_catalogue_has_the_probabilities_of_its_own_list() -> None:
    world, policy = World(), CataloguePolicy()
    world.play(policy, 300, world.actions)
    part = RemainingActions(world.actions, [0, 7, 59])
    alone = Actions(part.ids, part.rows)
    context = {"unit": "u3"}
    assert policy.probabilities(context, part) == pytest.approx(policy.probabilities(context, alone), abs=1e-12)
    twin = CataloguePolicy()
    twin.restore(through_storage(policy.state()))
    policy.learn(context, part, 10, 1.0, 0.1)
    twin.learn(context, alone, 10, 1.0, 0.1)
    assert bitwise_equal(policy.state(), twin.state())


def test_caches_do_not_change_probabilities() -> None:
    """A policy with warm caches equals one that was just restored, bit for bit."""
    world, policy = World(), CataloguePolicy()
    for events in (1, 2, 5, 60):
        world.play(policy, events, world.actions)
        twin = CataloguePolicy()
        twin.restore(through_storage(policy.state()))
        for user in ("u1", "u9", "nobody"):
            one, other = (it.probabilities({"unit": user}, world.actions) for it in (policy, twin))
            assert bitwise_equal(one, other)


def test_a_discount_affects_only_its_target() -> None:
    world, policy = World(), CataloguePolicy()
    world.play(policy, 400, world.actions)
    before = policy.scores({"unit": "u1"}, world.actions), policy.scores({"unit": "u2"}, world.actions)
    new = policy.scores({"unit": "nobody"}, world.actions)
    policy.discount_unit(0.25, "u1")
    policy.discount_unit(0.25, "a stranger")
    after = policy.scores({"unit": "u1"}, world.actions), policy.scores({"unit": "u2"}, world.actions)
    assert after[0] - new == pytest.approx(0.25 * (before[0] - new)), "a quarter of what is the user's own"
    assert bitwise_equal(after[1], before[1])
    policy.discount(0.0, "i3")
    item = world.actions.ids.index("i3")
    moved = np.flatnonzero(policy.scores({"unit": "u2"}, world.actions) != before[1])
    assert set(moved) <= {item}
    policy.discount(0.0)
    assert policy.probabilities({"unit": "u2"}, world.actions) == pytest.approx(np.full(ITEMS, 1 / ITEMS))
    twin = CataloguePolicy()
    twin.restore(through_storage(policy.state()))
    assert bitwise_equal(twin.scores({"unit": "u2"}, world.actions), policy.scores({"unit": "u2"}, world.actions))


def test_its_odds_hold_for_every_subset() -> None:
    world, policy = World(), CataloguePolicy(epsilon=0.1)
    world.play(policy, 500, world.actions)
    few = Actions(world.actions.ids[:6], tuple(world.features[:6]))
    found = list_marginals(policy, {"unit": "u1"}, few, 3)
    assert found == pytest.approx(enumerate_marginals(policy, {"unit": "u1"}, few, 3), abs=1e-12)


def test_features_that_do_not_fit_are_refused_at_prediction() -> None:
    policy = CataloguePolicy(max_columns=4)
    with pytest.raises(PolicyError, match="max_columns"):
        policy.probabilities({}, Actions(("a", "b"), (np.zeros(9), np.ones(9))))


@pytest.mark.parametrize(
    "wrong", [{"temperature": 0.0}, {"own": 2.0}, {"epsilon": float("nan")}, {"rank": -1}, {"limit": 0}]
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(PolicyError):
        CataloguePolicy(**wrong)  # type: ignore[arg-type] # on purpose

"""The mixed model: kernels against formulas, block turns, outliers, capacity, and what it learns."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from croupier_policies import Actions, AdaptivePolicy, AnnealedSoftmax, ForgedState, LinearPolicy, MixedModel
from croupier_policies.base import Row, Text
from croupier_policies.checks.states import bitwise_equal, through_storage
from croupier_policies.exploration.sampling import draw
from croupier_policies.kernels import arena, blocks, cells, encoding_mixed, two_part

ACTIONS = Actions(("a", "b", "c"))
FEATURES_OF_ACTIONS: tuple[dict[str, Any], ...] = (
    {"kind": "new", "price": 1.0, "tags": ["t", "u"]},
    {"price": 3.5, "vector": np.linspace(0.0, 1.0, 80)},
    {"kind": "old", "tags": ["u"], "vector": np.linspace(1.0, -1.0, 80)},
)
WITH_FEATURES = Actions(("a", "b", "c"), FEATURES_OF_ACTIONS)


def rows(count: int, width: int = 70, seed: int = 0) -> Iterator[Row]:
    """Contexts with every kind of value, some of them missing at times."""
    rng = np.random.default_rng(seed)
    for t in range(count):
        row: dict[str, Any] = {
            "counts": {f"w{rng.integers(9)}": float(rng.integers(1, 4)), "always": 1.0},
            "hour": float(rng.normal(12, 3)),
            "plan": f"p{rng.integers(3)}",
            "rare": f"r{rng.integers(40)}",
            "tags": [f"t{rng.integers(12)}" for _ in range(3)],
            "title": Text(f"Word{rng.integers(20)} and word{rng.integers(5)}"),
            "unit": f"u{rng.integers(50)}",
            "vector": rng.normal(size=width) * np.linspace(2, 0.1, width) + 0.5,
        }
        if t % 7 == 0:
            del row["vector"], row["tags"]
        yield row


def taught(model: MixedModel, count: int, width: int = 70, actions: Actions = ACTIONS) -> MixedModel:
    rng = np.random.default_rng(1)
    for row in rows(count, width):
        k = int(rng.integers(3))
        model.learn(row, actions, k, float((row["hour"] > 12.0) == (k == 0)))  # type: ignore[call-overload,operator]
    return model


@pytest.mark.parametrize("actions", [ACTIONS, WITH_FEATURES], ids=["ids", "features"])
@pytest.mark.parametrize("options", [{}, {"half_life": 48.0}, {"squares": False, "pairs": False}])
def test_the_kernels_are_the_formulas(options: dict[str, Any], actions: Actions) -> None:
    models = (MixedModel(ids=("unit",), device=device, **options) for device in ("cpu", "numpy"))
    one, other = (taught(model, 150, actions=actions) for model in models)
    assert one.leader == other.leader
    for row in rows(20, seed=5):
        a, b = one.estimates(row, actions), other.estimates(row, actions)
        assert np.allclose(a.mean, b.mean, rtol=0.0, atol=1e-9)
        assert np.allclose(a.sd, b.sd, rtol=0.0, atol=1e-9)
        assert abs(a.sigma - b.sigma) < 1e-9


def _forged(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    state = taught(MixedModel(ids=("unit",)), 80, actions=WITH_FEATURES).state()
    change(state)
    return state


def _set(path: tuple[Any, ...], value: Any) -> Callable[[dict[str, Any]], None]:
    def change(state: dict[str, Any]) -> None:
        inner: Any = state
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value(inner[path[-1]]) if callable(value) else value

    return change


def _number(column: int, value: float) -> Callable[[dict[str, Any]], None]:
    """Another value in the first number's record."""

    def change(state: dict[str, Any]) -> None:
        which = [shape[0] for shape in state["arena"]["shapes"]].index(arena.NUMBERS)
        state["arena"]["sections"][which][0, column] = value

    return change


FORGERIES = {
    "actions": _set(("actions",), lambda names: names + [f"x{k}" for k in range(100_000)]),
    "slots": _set(("slots",), lambda slots: slots + 1),
    "columns of a string": _set(("encoder", "strings", 0), ["plan", "p9", 1 << 30, 1 << 30]),
    "full": _set(("encoder", "full"), 60),
    "numbers": _set(("encoder", "numbers"), lambda names: names + [f"x{k}" for k in range(1000)]),
    "blocks": _set(("encoder", "blocks"), lambda blocks: [*blocks, ["more", 90]]),
    "width of a block": _set(("encoder", "blocks", 0, 1), 900),
    "filled": _number(arena.FILLED, 1e9),
    "stride": _number(arena.STRIDE, 0.0),
    "column": _number(arena.COLUMN, 1e9),
    "not a number": _number(arena.MEAN, float("nan")),
    "coordinates": _set(("arena", "coordinates"), 1 << 20),
    "shape": _set(("arena", "shapes", -1), lambda shape: [shape[0], shape[1], shape[2] + 1]),
    "rows": _set(("arena", "shapes", -1, 1), 1 << 40),
    "type": _set(("arena", "sections", -1), lambda section: section.astype(np.float32)),
    "cells": _set(("cells", "cells"), lambda cells: cells[:-1]),
    "products": _set(("products", "keys"), lambda keys: np.arange(10_000, dtype=np.uint64)),
    "features": _set(("features", "blocks"), []),
}


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_state_is_refused_and_nothing_restored(change: Callable[[dict[str, Any]], None]) -> None:
    model = MixedModel(ids=("unit",))
    before = model.state()
    with pytest.raises(ForgedState):
        model.restore(_forged(change))
    assert bitwise_equal(model.state(), before)


def test_many_cells_are_restored() -> None:
    model, copy = MixedModel(), MixedModel()
    for t in range(12):
        model.learn({"tags": [f"t{t} {i}" for i in range(400)]}, ACTIONS, 0, float(t % 2))
    copy.restore(model.state())
    assert copy.memory.cells.used == model.memory.cells.used == 4800
    assert bitwise_equal(copy.state(), model.state())


def test_an_action_of_thousands_of_words_is_learned() -> None:
    actions = Actions(("a", "b"), ({"x": 1.0}, {"text": [f"w{i}" for i in range(6000)]}))
    model = MixedModel()
    for t in range(4):
        model.learn({"y": float(t), "words": [f"v{i}" for i in range(3000)]}, actions, t % 2, 1.0)
    assert np.isfinite(model.estimates({"y": 1.0}, actions).mean).all()


def test_rounding_decides_nothing_while_all_rewards_are_equal() -> None:
    """Their spread is 0: what differs between the estimates is rounding, and what is left is exploration."""
    policies, rng = (AdaptivePolicy(), AdaptivePolicy(device="numpy")), np.random.default_rng(0)
    for t in range(300):
        x: Row = {"x": float(rng.normal())}
        for policy in policies:
            policy.learn(x, ACTIONS, t % 3, 0.3, 1 / 3)
    one, other = (policy.probabilities({"x": 1.0}, ACTIONS) for policy in policies)
    assert np.allclose(one, other, rtol=0.0, atol=1e-9)


def test_coordinates_of_packed_items_are_those_of_a_restored_model() -> None:
    rng = np.random.default_rng(0)
    rows = tuple({"v": rng.normal(size=80) * (50.0 if k == 0 else 1.0)} for k in range(20))
    actions, model, copy = Actions(tuple(f"i{k}" for k in range(20)), rows), MixedModel(), MixedModel()
    for t in range(45):
        model.estimates({"y": 1.0}, actions)
        model.learn({"y": float(rng.normal())}, actions, 1 + t % 19, float(rng.random() < 0.5))
    copy.restore(through_storage(model.state()))
    for one, other in zip(model.estimates({"y": 1.0}, actions), copy.estimates({"y": 1.0}, actions), strict=True):
        assert bitwise_equal(one, other)


@pytest.mark.parametrize("first", [np.zeros(100), np.full(100, 0.1)], ids=["zeros", "constant"])
def test_a_block_begins_late_where_its_first_rows_are_equal(first: Any) -> None:
    model, rng = MixedModel(), np.random.default_rng(0)
    for t in range(1500):
        x = first if t < 40 else rng.normal(size=100)
        model.learn(x, ACTIONS, t % 2, float((x[:10].sum() > 0.0) == (t % 2 == 0)))
    x = np.zeros(100)
    x[:10] = 1.0
    assert np.argmax(model.estimates(x, ACTIONS).mean[:2]) == 0


@pytest.mark.parametrize("at", [2, 5, 14, 100])
@pytest.mark.parametrize("value", [999_999.0, 1e160, 3e38])
def test_an_outlier_leaves_a_block_its_scale_whenever_it_comes(at: int, value: float) -> None:
    model, rng, hits = MixedModel(squares=False, pairs=False), np.random.default_rng(0), 0
    for t in range(1200):
        x = rng.normal(size=100)
        side = x[:10].sum() > 0.0
        if t == at:
            x[5] = value
        if t >= 1000:
            hits += int(np.argmax(model.estimates(x, ACTIONS).mean[:2]) == (0 if side else 1))
        assert np.isfinite(model.estimates(x, ACTIONS).sd).all()
        model.learn(x, ACTIONS, t % 2, float(side == (t % 2 == 0)))
    assert hits > 0.7 * 200


def test_a_constant_that_is_not_exact_in_binary_never_varies() -> None:
    model = MixedModel()
    for t in range(150):
        model.learn({"x": 0.1}, ACTIONS, t % 2, float(t % 2))
    assert [finding.names for finding in model.findings()] == [("x",)]
    assert encoding_mixed.encode(*model.memory.arena.arrays, *model.encoder.pack({"x": 0.1}), False)[1][1] == 0.0


def test_what_vectors_of_actions_teach_is_kept_when_their_basis_turns() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 80))
    worth = vectors[:, :5].sum(axis=1)
    actions = Actions(tuple(f"i{k}" for k in range(30)), tuple({"v": v} for v in vectors))
    model, correlations = MixedModel(), []
    for t in range(1100):
        k = int(rng.integers(30))
        model.learn({"y": float(rng.normal())}, actions, k, float(rng.random() < 1 / (1 + np.exp(-worth[k]))))
        if t in (126, 129, 510, 513, 1022, 1025):
            correlations.append(np.corrcoef(model.estimates({"y": 0.0}, actions).mean, worth)[0, 1])
    for before, after in zip(correlations[::2], correlations[1::2], strict=True):
        assert after > before - 0.03


def test_a_state_is_restored_bit_for_bit_and_learns_on() -> None:
    model = taught(MixedModel(ids=("unit",)), 130)
    copy = MixedModel(ids=("unit",))
    copy.restore(through_storage(model.state()))
    assert bitwise_equal(copy.state(), model.state())
    assert bitwise_equal(taught(copy, 90).state(), taught(model, 90).state())


def test_turning_a_basis_changes_no_prediction_where_no_coordinate_is_left_out() -> None:
    """70 numbers have 70 coordinates: the new basis spans all that the old one did."""
    model, rng = MixedModel(squares=False, pairs=False, half_life=0.0), np.random.default_rng(0)
    for t in range(64):
        x = rng.normal(size=70)
        before = model.estimates(x, ACTIONS).mean
        model.learn(x, ACTIONS, t % 3, float(x[0] > 0.0))
    floats, layout = model.memory.arena.floats, model.memory.arena.layout
    probe = rng.normal(size=70)
    before = model.estimates(probe, ACTIONS).mean.copy()
    for _ in range(63):  # up to the next turn, without teaching
        encoding_mixed.observe(floats, layout, *model.encoder.pack(rng.normal(size=70)))
    basis = model.memory.arena.section(arena.BLOCKS + arena.BASIS).copy()
    assert np.allclose(model.estimates(probe, ACTIONS).mean, before, rtol=0.0, atol=1e-12)
    encoding_mixed.observe(floats, layout, *model.encoder.pack(rng.normal(size=70)))
    turned = model.memory.arena.section(arena.BLOCKS + arena.BASIS)
    assert not np.allclose(basis, turned)
    assert np.allclose(turned.T @ turned, np.eye(70), atol=1e-9)
    assert np.allclose(model.estimates(probe, ACTIONS).mean, before, rtol=0.0, atol=1e-9)


def test_a_basis_finds_the_directions_in_which_rows_vary() -> None:
    model, rng = MixedModel(squares=False, pairs=False, half_life=0.0), np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(300, 5)))[0]
    for _ in range(1100):
        x = directions @ rng.normal(size=5) + 0.02 * rng.normal(size=300)
        model.learn(x, ACTIONS, 0, 0.5)
    basis = model.memory.arena.section(arena.BLOCKS + arena.BASIS)
    assert np.linalg.norm(basis.T @ directions, axis=0).min() > 0.99


def test_measurements_of_unequal_scales_are_standardised_one_by_one() -> None:
    model, rng = MixedModel(), np.random.default_rng(0)
    scales = 10.0 ** np.linspace(-3, 3, 100)
    hits = 0
    for t in range(1500):
        x = rng.normal(size=100) * scales
        mean = model.estimates(x, ACTIONS).mean
        best = 0 if x[3] > 0.0 else 1  # by one of the smallest scales
        hits += t >= 1000 and int(np.argmax(mean[:2])) == best
        k = t % 2
        model.learn(x, ACTIONS, k, float(k == best))
    assert hits > 0.8 * 500


@pytest.mark.parametrize("outlier", [999_999.0, -1e300])
def test_one_outlier_leaves_a_feature_its_scale(outlier: float) -> None:
    """It is clipped to fences that a sample sets; the running moments hardly move."""
    rng = np.random.default_rng(0)
    model = MixedModel()
    for t in range(400):
        x = outlier if t == 200 else float(rng.normal())
        model.learn({"x": x}, ACTIONS, t % 2, float((x > 0.0) == (t % 2 == 0)))
    assert [(finding.names, finding.count) for finding in model.findings()] == [(("x",), 1)]
    high, low = (model.estimates({"x": value}, ACTIONS).mean for value in (1.0, -1.0))
    assert high[0] - high[1] > 0.4
    assert low[1] - low[0] > 0.4


def test_an_outlier_in_an_embedding_leaves_the_block_its_scale() -> None:
    rng = np.random.default_rng(0)
    model = MixedModel()
    for t in range(600):
        x = rng.normal(size=100)
        side = x[:10].sum() > 0.0
        if t == 100:
            x[5] = 999_999.0
        model.learn(x, ACTIONS, t % 2, float(side == (t % 2 == 0)))
    x = np.zeros(100)
    x[:10] = 1.0
    assert np.argmax(model.estimates(x, ACTIONS).mean[:2]) == 0
    assert np.argmax(model.estimates(-x, ACTIONS).mean[:2]) == 1


@pytest.mark.parametrize(
    ("row", "other"),
    [
        ({"words": {"red": 1.0, "big": 1.0}}, {"words": {"blue": 1.0, "big": 1.0}}),  # counts that are always 1
        ({"tags": ["red", "big"]}, {"tags": ["blue", "big"]}),
        ({"text": Text("Red, big")}, {"text": Text("Blue; big")}),
        ({"colour": "red"}, {"colour": "blue"}),
        ({"unit": "red"}, {"unit": "blue"}),
    ],
    ids=["counts", "tags", "text", "string", "unit"],
)
def test_every_kind_of_value_is_learned(row: Row, other: Row) -> None:
    policy = AdaptivePolicy()
    for t in range(300):
        x, k = (row, other)[t % 2], (t // 2) % 2
        policy.learn(x, ACTIONS, k, float(t % 2 == k), 0.5)
    assert np.argmax(policy.probabilities(row, ACTIONS)) == 0
    assert np.argmax(policy.probabilities(other, ACTIONS)) == 1


def test_a_new_feature_is_learned_after_thousands_of_values() -> None:
    """There is no cliff: values without a column are hashed, and a field that begins late is learned."""
    policy, rng = AdaptivePolicy(), np.random.default_rng(0)
    hits = []
    for t in range(3500):
        row: dict[str, float | str] = {"user": f"u{t if t < 2500 else rng.integers(2500)}"}
        if t >= 2500:
            row["zone"] = ("north", "south")[t % 2]
        p = policy.probabilities(row, Actions(("a", "b")))
        k = draw(p, float(rng.random()))
        reward = float(k == t % 2) if t >= 2500 else float(rng.random() < 0.5)
        policy.learn(row, Actions(("a", "b")), k, reward, float(p[k]))
        hits.append(reward)
    assert np.mean(hits[-400:]) > 0.95


def test_a_change_is_followed() -> None:
    """After a reversal the member that forgets leads, and the old winner is left."""
    policy, rng = AdaptivePolicy(), np.random.default_rng(0)
    rewards = []
    for t in range(6000):
        x = rng.normal(size=4)
        p = policy.probabilities(x, ACTIONS)
        k = draw(p, float(rng.random()))
        side = x[0] > 0.0 if t < 3000 else x[0] <= 0.0
        reward = float(rng.random() < (0.8 if side == (k == 0) else 0.2))
        policy.learn(x, ACTIONS, k, reward, float(p[k]))
        rewards.append(reward)
    assert np.mean(rewards[2000:3000]) > 0.75
    assert np.mean(rewards[5000:]) > 0.75


def test_pairs_of_fields_are_learned() -> None:
    policy, rng = AdaptivePolicy(), np.random.default_rng(0)
    rewards = []
    for _ in range(3000):
        one, other = rng.integers(4, size=2)
        row: Row = {"one": f"v{one}", "other": f"w{other}"}
        p = policy.probabilities(row, ACTIONS)
        k = draw(p, float(rng.random()))
        reward = float(rng.random() < (0.8 if k == (one + other) % 3 else 0.1))
        policy.learn(row, ACTIONS, k, reward, float(p[k]))
        rewards.append(reward)
    assert np.mean(rewards[-1000:]) > 0.7


def test_estimates_do_not_depend_on_the_unit_of_the_reward() -> None:
    """Rewards of a narrow part of the range are learned as well as those of all of it."""
    rng, wide, narrow = np.random.default_rng(0), MixedModel(), MixedModel()
    for t in range(500):
        x, k = rng.normal(size=3), t % 3
        reward = float((x[0] > 0.0) == (k == 0))
        wide.learn(x, ACTIONS, k, reward)
        narrow.learn(x, ACTIONS, k, 1e-5 * reward)
    law = AnnealedSoftmax()
    x = rng.normal(size=3)
    assert np.allclose(wide.choose(x, ACTIONS, law), narrow.choose(x, ACTIONS, law), rtol=0.0, atol=1e-6)


FEATURES = np.arange(1, 501, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def test_full_tables_share_cells_and_say_so() -> None:
    keys, places, used = np.zeros(64, np.uint64), np.zeros(128, np.int32), np.array([0, 0, 64])
    claimed = [cells.claim(keys, places, used, FEATURES[k], k % 3) for k in range(500)]
    assert max(claimed) == 63
    assert used.tolist()[0] == 64
    assert used[1] > 0
    found = [cells.find(keys, places, used, FEATURES[k], k % 3) for k in range(56)]
    assert found == claimed[:56]  # the first ones keep their own
    again = np.zeros(128, np.int32)
    cells.rebuild(keys, again, used)
    assert [cells.find(keys, again, used, FEATURES[k], k % 3) for k in range(56)] == claimed[:56]


def test_actions_that_come_and_go_are_learned_for_ever() -> None:
    """Once there is no memory for a new action, it takes the place of the one whose last reward was longest ago."""
    model, rng = MixedModel(max_bytes=1 << 17), np.random.default_rng(0)
    hits = 0
    for t in range(6000):
        actions = Actions(tuple(f"item{t // 40 + k}" for k in range(3)))
        x: Row = {"side": ("left", "right")[t % 2], "hour": float(rng.normal())}
        best = (t // 40 + t) % 2  # items of even numbers are for the left
        if t >= 5000:
            hits += int(np.argmax(model.estimates(x, actions).mean)) % 2 == best
        k = int(rng.integers(3))
        model.learn(x, actions, k, float(k % 2 == best))
    assert model.replaced > 0
    assert [finding.count for finding in model.findings() if "took the place" in finding.text] == [model.replaced]
    assert hits > 0.8 * 1000


def test_forgetting_a_cell_later_equals_forgetting_it_at_once() -> None:
    model, rng = MixedModel(ids=("unit",), half_life=32.0, squares=False, pairs=False), np.random.default_rng(0)
    for t in range(40):
        model.learn({"unit": f"u{t % 2}"}, ACTIONS, 0, float(rng.random()))
    mean = model.estimates({"unit": "u0"}, ACTIONS).mean
    table, epoch = model.memory.cells, model.memory.section(1, arena.NOISE)[0, arena.EPOCHS]
    assert epoch > 0.0
    two_part.catch_up(table.cells, np.arange(table.used), two_part.PER_MEMBER, 0, epoch)
    assert np.allclose(model.estimates({"unit": "u0"}, ACTIONS).mean, mean, rtol=0.0, atol=1e-12)


def test_forgetting_keeps_a_posterior_positive_definite() -> None:
    model, rng = MixedModel(half_life=16.0, squares=False, pairs=False), np.random.default_rng(0)
    for t in range(1000):
        x = rng.normal(size=3)
        model.learn(np.array([x[0], x[0] + 0.01 * x[1], x[2]]), ACTIONS, t % 3, float(rng.random()))
    triangle = model.memory.section(1, arena.TRIANGLES)[0]
    covariance = np.zeros((4, 4))
    covariance[np.tril_indices(4)] = triangle[:10]
    assert np.linalg.eigvalsh(covariance + np.tril(covariance, -1).T).min() > 0.0


def test_a_block_starts_orthonormal_and_the_same_everywhere() -> None:
    one, other = (MixedModel(), MixedModel())
    for model in (one, other):
        model.encoder.admit(np.ones(200))
    basis, twin = (model.memory.arena.section(arena.BLOCKS + arena.BASIS) for model in (one, other))
    assert np.array_equal(basis, twin)
    assert np.allclose(basis.T @ basis, np.eye(arena.RANK), atol=1e-12)
    assert blocks.first_coordinate(one.memory.arena.layout, 1) == arena.RANK


def test_actions_that_were_never_shown_are_judged_by_their_features() -> None:
    policy, rng = AdaptivePolicy(), np.random.default_rng(0)

    def offered(first: int) -> Actions:
        ids = tuple(f"i{first + k}" for k in range(6))
        return Actions(ids, tuple({"price": float(rng.normal()), "kind": f"k{k % 2}"} for k in range(6)))

    for t in range(800):
        actions, x = offered(6 * (t % 50)), {"rich": float(rng.normal())}
        k = int(rng.integers(6))
        price = actions.rows[k]["price"]  # type: ignore[index, call-overload]
        policy.learn(x, actions, k, float(rng.random() < 1.0 / (1.0 + np.exp(-2.0 * x["rich"] * price))), 1 / 6)
    new = offered(10_000)
    prices = [row["price"] for row in new.rows or ()]  # type: ignore[call-overload]
    assert np.argmax(policy.estimates({"rich": 2.0}, new).mean) == np.argmax(prices)
    assert np.argmax(policy.estimates({"rich": -2.0}, new).mean) == np.argmin(prices)


def test_a_law_and_its_kernel_agree() -> None:
    policy = LinearPolicy(model=taught(MixedModel(), 60), law=AnnealedSoftmax())
    row = next(rows(1, seed=9))
    expected = policy.law.probabilities(np, policy.estimates(row, ACTIONS))
    assert np.allclose(policy.probabilities(row, ACTIONS), expected, rtol=0.0, atol=1e-12)

"""Features of units and items without an engine: their values, and that they are a fold of observations."""

from __future__ import annotations

import random
from collections.abc import Iterator
from math import log1p
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from croupier import InputError
from croupier.state.features import Features
from croupier.state.features.decay import DecayedCounts
from croupier.state.features.observation import encode
from croupier_storage import Fact, decode_state, encode_state, hash_state

ALL: dict[str, Any] = {
    "numbers": {"price": "standard", "stars": "min-max"},
    "categories": {"brand": "one-hot", "town": "target"},
    "text": {"title": 4},
    "vectors": {"image": 2},
    "events": ["stars"],
    "windows": [100.0],
    "half_lives": [50.0, 1000.0],
    "session_gap": 60.0,
    "last": 2,
    "units": 5,
    "items": 7,
}


class ObservedFeatures:
    """Features that are observed what happened."""

    def __init__(self, **settings: Any) -> None:
        self.features, self.position = Features(**settings), 0

    def __call__(self, unit: str | None, kind: str, item: str | None, at: float, **attributes: Any) -> None:
        self.position += 1
        fact = Fact(self.position, "observation", at, unit=unit, body=encode(kind, item, attributes))
        self.features.observe(fact)


def life(events: int, seed: int = 0) -> Iterator[Fact]:
    """Units, items and attributes that come and go, late events among them."""
    rng = random.Random(seed)
    for n in range(events):
        given: dict[str, Any] = {
            "price": rng.gauss(10, 3),
            "stars": rng.randrange(6),
            "brand": rng.choice("abc"),
            "town": rng.choice(["x", "y"]),
            "title": " ".join(rng.choices(["red", "blue", "lamp", "chair"], k=3)),
            "image": [rng.random(), rng.random()],
            "other": 1.0,
        }
        kept = {name: value for name, value in given.items() if rng.random() < 0.3}
        unit, item = f"u{rng.randrange(8)}", None if rng.random() < 0.1 else f"i{rng.randrange(10)}"
        at = n * 10.0 + (rng.expovariate(0.05) if rng.random() < 0.8 else -rng.expovariate(0.005))
        kind = rng.choice(["view", "purchase", "elsewhere"])
        yield Fact(n + 1, "observation", at, unit=unit if rng.random() < 0.95 else None, body=encode(kind, item, kept))


def test_history_and_session_are_kept_apart() -> None:
    observed = ObservedFeatures(session_gap=100.0, half_lives=[50.0])
    observed("u", "view", "a", 0.0)
    observed("u", "view", "b", 50.0)
    row = observed.features.unit("u", 100.0)
    assert (row["c.count.view"], row["h.count.view"], row["c.seconds"]) == (log1p(2), 0.0, log1p(50.0))
    assert row["c.rate.50.view"] == pytest.approx(0.5 + 0.25)
    over = observed.features.unit("u", 151.0)  # the session has ended, although no event followed it
    assert (over["c.count.view"], over["h.count.view"], over["c.events"]) == (0.0, log1p(2), 0.0)
    observed("u", "purchase", "b", 300.0)
    row = observed.features.unit("u", 300.0)
    assert (row["c.count.purchase"], row["h.count.view"], row["h.count.purchase"]) == (log1p(1), log1p(2), 0.0)
    assert (row["u.sessions"], row["u.new"], row["h.recency"]) == (log1p(1), 0.0, log1p(250.0))


def test_reading_features_changes_nothing() -> None:
    observed = ObservedFeatures(**ALL)
    for fact in life(200):
        observed.features.observe(fact)
    before = hash_state(observed.features.state())
    for n in range(20):
        observed.features.unit(f"u{n}", 1e9)
        observed.features.item(f"i{n}", 1e9)
        observed.features.unit(None, 0.0)
    assert hash_state(observed.features.state()) == before


def test_attributes_become_what_was_declared() -> None:
    observed = ObservedFeatures(**{**ALL, "items": 10})
    observed("u", "view", "a", 0.0, price=10, brand="x", image=[1, 3])
    observed("u", "view", "b", 0.0, price=20, brand="y", image=[3, 5], stars=4)
    observed("u", "view", "a", 0.0)
    row = observed.features.unit("u", 0.0)
    assert row["c.price"] == pytest.approx((40 / 3 - 15) / 5)  # mean and sd of 10 and 20
    assert (row["c.brand=x"], row["c.image.1"]) == (pytest.approx(2 / 3), pytest.approx(11 / 3))
    assert (row["c.image.missing"], row["c.title.missing"], row["c.title.0"], row["h.image.missing"]) == (0, 1, 0, 1)
    assert (row["u.last.0"], row["u.last.1"]) == ("a", "b")
    item = observed.features.item("b", 0.0)
    assert (item["price"], item["brand"], item["stars.missing"], item["new"]) == (1.0, "y", 1.0, 0.0)
    assert observed.features.item("never", 0.0)["new"] == 1.0


def test_a_target_encoding_is_the_rate_of_what_came_before() -> None:
    observed = ObservedFeatures(categories={"town": "target"}, targets=["purchase"], half_lives=[1.0])
    encoded = []
    for kind in ("purchase", "view", "purchase"):
        encoded.append(observed.features.attributes.target_encoding("town", "x"))
        observed("u", kind, None, 0.0, town="x")
    assert encoded == [0.0, (1 + 10 * 1) / 11, (1 + 10 * 0.5) / 12]
    assert observed.features.unit("u", 0.0)["c.town"] == pytest.approx(sum(encoded) / 3)
    observed("u", "view", None, 0.0, town="")  # a value like any other
    assert observed.features.attributes.target_encoding("town", "") == (0 + 10 * 2 / 4) / 11


def test_texts_differ_by_their_rarer_terms() -> None:
    observed = ObservedFeatures(text={"title": 64}, half_lives=[1.0])
    for n in range(50):
        observed(None, "describe", f"i{n}", 0.0, title=f"lamp {'red' if n % 2 else 'blue'}")
    rows = [observed.features.item(f"i{n}", 0.0) for n in (48, 49, 47)]
    blue, red, other_red = (np.array([row[f"title.{k}"] for k in range(64)]) for row in rows)
    assert red @ other_red == pytest.approx(1.0, abs=1e-3)
    assert red @ blue < 0.5


def test_memory_is_bounded_and_dropped_entries_are_counted() -> None:
    observed = ObservedFeatures(**ALL)
    for fact in life(500):
        observed.features.observe(fact)
    state = observed.features.state()
    assert (len(state["units"][0]), len(state["items"][0])) == (5, 7)
    assert min(state["dropped"]) > 0
    brands = ObservedFeatures(categories={"brand": "one-hot"}, half_lives=[1.0])
    for n in range(1000):
        brands("u", "view", None, 0.0, brand=f"b{n}")
    assert sum(name.startswith("c.brand=") for name in brands.features.unit("u", 0.0)) <= 64


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1000), cut=st.integers(0, 150))
def test_restored_features_continue_bit_for_bit(seed: int, cut: int) -> None:
    facts = list(life(150, seed))
    whole, part = Features(**ALL), Features(**ALL)
    for fact in facts:
        whole.observe(fact)
    for fact in facts[:cut]:
        part.observe(fact)
    restored = part.fresh()
    restored.restore(decode_state(encode_state(part.state())))  # type: ignore[arg-type] # it decodes to a dict
    for fact in facts[cut:]:
        restored.observe(fact)
    assert hash_state(restored.state()) == hash_state(whole.state())
    assert all(restored.unit(f"u{n}", 2e3) == whole.unit(f"u{n}", 2e3) for n in range(8))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(order=st.permutations([0.0, 3.0, 10.0, 40.0, 41.0]))
def test_the_order_of_arrival_matters_only_through_rounding(order: list[float]) -> None:
    counts = DecayedCounts()
    for at in order:
        counts.add(at, "view", [5.0, 50.0], {"x": [at]}, ["a"])
    ages = np.array([41.0 - at for at in sorted(order)])
    assert counts.rates("view", 41.0, [5.0, 50.0]) == pytest.approx([np.sum(0.5 ** (ages / h)) for h in (5.0, 50.0)])
    assert counts.vector_sums["x"] == pytest.approx(
        [np.sum(0.5 ** (ages / 50)), np.sum(0.5 ** (ages / 50) * (41.0 - ages))]
    )
    assert (counts.events, counts.first_at, counts.last_at) == (5, 0.0, 41.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": "view"},
        {"kinds": ["view", "view"]},
        {"half_lives": []},
        {"half_lives": [2.0, 1.0]},
        {"session_gap": 0.0},
        {"numbers": {"price": "log"}},
        {"text": {"title": 0}},
        {"vectors": {"image": 2.5}},
        {"units": 0},
        {"last": -1},
        {"numbers": {"a": "standard"}, "text": {"a": 3}},
    ],
)
def test_an_invalid_configuration_is_rejected(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Features(**wrong)

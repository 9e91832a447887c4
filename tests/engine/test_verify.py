"""Forged rows with right checksums: what `verify` finds by recomputing each thing that a decision logs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from croupier import Engine, Experiment, SoftmaxPolicy, UniformPolicy, verify
from croupier.log.configuration import canonical_json
from croupier.log.ids import counted
from croupier.state.verify import Verification
from croupier_storage import Fact
from support import inside
from support.forging import body_of, facts, file_of, forge

ACTIONS = ["a", "b", "c"]


def opened(url: str) -> Engine:
    """Under a policy that gives every action the same and learns nothing: neither propensities nor states differ."""
    return Engine.open(url, policy=UniformPolicy(), learner=None, seed=7, ids=counted(), clock=lambda: 0.0)


def live(engine: Engine, rounds: int = 40) -> None:
    for k in range(rounds):
        decision = engine.choose({"x": float(k % 5)}, ACTIONS, unit=f"u{k % 10}")
        engine.reward(decision.id, float(decision.action == "b"))


def tried(url: str) -> Fact:
    """A log with an experiment between two policies that never differ; one of its decisions."""
    with opened(url) as engine:
        shadows = {"soft": SoftmaxPolicy(epsilon=0.2)}
        engine.experiments.start(
            Experiment("twins", {"old": None, "new": UniformPolicy()}, window=10.0, shadows=shadows)
        )
        live(engine)
    assert verify(url).sound
    return facts(url, "decision")[25]


def test_an_action_that_the_draw_does_not_give_is_found(url: str) -> None:
    with opened(url) as engine:
        live(engine)
    assert verify(url).sound
    fact = facts(url, "decision")[25]
    other = next(action for action in ACTIONS if action != fact.action)
    forge(url, fact, action=other)
    found = verify(url).difference or ""
    assert (
        f"position {fact.position}: decision {fact.id} logged the action {other!r}, but the draw gives {fact.action!r}"
        in found
    )


SHADOWS: dict[str, Callable[[float, str], dict[str, Any]]] = {
    "its draw": lambda p, action: {"soft": [p, next(other for other in ACTIONS if other != action)]},
    "its probability": lambda p, action: {"soft": [p * (1 + 1e-12), action]},
    "its name": lambda p, action: {"hard": [p, action]},
    "its answer": lambda p, action: {},
}


@pytest.mark.parametrize("what", SHADOWS)
def test_an_answer_that_the_shadow_does_not_give_is_found(url: str, what: str) -> None:
    fact = tried(url)
    body = body_of(fact)
    forge(url, fact, body=canonical_json(body | {"shadows": SHADOWS[what](*body["shadows"]["soft"])}))
    found = verify(url).difference or ""
    assert f"position {fact.position}: " in found
    assert "shadow" in found


@pytest.mark.parametrize("what", ["variant", "assigned"])
def test_a_variant_that_the_split_does_not_give_is_found(url: str, what: str) -> None:
    fact = tried(url)
    body = body_of(fact)
    forged = {"variant": "new" if body["variant"] == "old" else "old", "assigned": body["assigned"] / 2}
    forge(url, fact, body=canonical_json(body | {what: forged[what]}))
    found = verify(url).difference or ""
    assert f"position {fact.position}: decision {fact.id} logged " in found
    assert "the split gives" in found


def test_a_decision_that_hides_its_experiment_is_found(url: str) -> None:
    fact = tried(url)
    forge(url, fact, body=None)
    assert f"position {fact.position}: decision {fact.id} logged None, but the split gives" in (
        verify(url).difference or ""
    )


def test_a_promotion_in_an_experiment_that_is_not_in_force_is_found(url: str) -> None:
    with opened(url) as engine:
        engine.experiments.start(Experiment("twins", {"old": None, "new": UniformPolicy()}, window=10.0))
        live(engine)
        inside.promote(engine, "new")
    assert verify(url).sound
    (fact,) = facts(url, "promotion")
    forge(url, fact, body=canonical_json(body_of(fact) | {"name": "others"}))
    assert "the experiment 'others', which is not in force" in (verify(url).difference or "")


def test_nothing_is_counted_where_a_row_is_damaged(url: str) -> None:
    with opened(url) as engine:
        live(engine)
        untaught = Engine.open("sqlite://", policy=UniformPolicy(), learner=None, seed=7)
        head, state = engine.position, untaught.state_hash()
        untaught.close()
    with closing(sqlite3.connect(file_of(url))) as raw, raw:
        raw.execute("update facts set action = action || 'x' where position = 3")
    found = verify(url)
    assert "position 3: the row is missing or was changed" in (found.difference or "")
    assert found == Verification(head, 0, 0, 0, 0, 0, 0, 0, 0, state, found.difference)


def test_what_was_compared_is_counted_and_reported_on_the_way(url: str) -> None:
    with opened(url) as engine:
        live(engine, 300)
        engine.snapshots.take()
        state = engine.state_hash()
    notes: list[tuple[int, int]] = []
    found = verify(url, progress=lambda position, head: notes.append((position, head)))
    assert notes == [(511, 600)]  # after the 256th decision
    assert (found.head, found.decisions, found.rewards, found.featured, found.drifts) == (600, 300, 300, 0, 0)
    assert (found.other_arithmetic, found.erased, found.unverifiable) == (0, 0, 0)
    assert found.snapshots >= 1
    assert (found.state_hash, found.difference) == (state, None)


def test_a_summary_names_what_there_was_and_nothing_else() -> None:
    sound = Verification(head=4, decisions=2, rewards=1, snapshots=3, state_hash="0123456789abcdef" * 4)
    first = "4 facts: 2 decisions recomputed, 1 rewards learned, 3 snapshots compared"
    assert sound.summary().splitlines() == [first, "sound; state 0123456789abcdef"]
    rest = Verification(4, 2, 1, 3, 5, 6, 7, 8, 9, "", "position 3: another action").summary().splitlines()
    assert rest == [
        first,
        "6 drifts compared with those that the detectors find",
        "features of 5 decisions recomputed from observations",
        "8 facts were erased; 9 decisions depended on them and cannot be recomputed",
        "7 decisions were made with another arithmetic (library versions, device or CPU) and compared with a tolerance "
        "of 1e-09; the others are equal bit for bit",
        "first difference: position 3: another action",
    ]


def test_decisions_of_another_arithmetic_are_compared_with_a_tolerance(url: str) -> None:
    """Probabilities to 1e-9; the draw, which may turn over at the least difference, not at all."""
    with opened(url) as engine:
        live(engine)
    with closing(sqlite3.connect(file_of(url))) as raw, raw:
        raw.execute("update policies set arithmetic = 'of another machine'")
    fact, another = facts(url, "decision")[5:7]
    assert fact.propensity is not None
    forge(url, fact, propensity=fact.propensity + 5e-10)
    forge(url, another, action=next(action for action in ACTIONS if action != another.action))
    found = verify(url)
    assert (found.decisions, found.other_arithmetic, found.difference) == (40, 40, None)
    assert "compared with a tolerance of 1e-09" in found.summary()
    forge(url, fact, propensity=fact.propensity + 2e-9)
    assert f"position {fact.position}: decision {fact.id} logged propensity" in (verify(url).difference or "")

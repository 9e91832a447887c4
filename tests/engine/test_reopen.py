"""The log is the truth: what is re-opened, verified and damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from croupier import Engine, InverseGapPolicy, UniformPolicy, verify
from croupier.state.fold import ReplayWarning
from croupier_storage import open_storage
from support.forging import file_of, forge


def test_ten_thousand_events_reopen_to_the_same_hash_and_verify(url: str, life: Callable[..., None]) -> None:
    with Engine.open(url, seed=7, snapshot_every=4_000) as engine:
        life(engine, 10_000)
        running = engine.state_hash()
    with Engine.open(url) as engine:
        assert engine.state_hash() == running
    found = verify(url)
    assert found.sound, found.difference
    assert found.decisions == 10_000
    assert found.snapshots == 3
    assert found.state_hash == running
    assert found.other_arithmetic == 0


def test_any_snapshot_or_none_leads_to_the_same_state(url: str, life: Callable[..., None]) -> None:
    with Engine.open(url, seed=7, learner=None, snapshot_every=300, snapshots_kept=10) as engine:
        life(engine, 1_000)
        running = engine.state_hash()
    with open_storage(url, create=False) as storage:
        positions = [position for position, *_ in storage.snapshots()]
    assert len(positions) > 3
    for position in reversed(positions):
        with Engine.open(url, learner=None) as engine:
            assert engine.state_hash() == running
        with open_storage(url, create=False) as storage:
            storage.delete_snapshot(position)
    with Engine.open(url, learner=None) as engine:
        assert engine.state_hash() == running


def test_learning_goes_on_after_reopening_as_if_nothing_had_happened(tmp_path: Path, life: Callable[..., None]) -> None:
    from croupier.log.ids import counted

    hashes = []
    for stops in ((600,), (200, 200, 200)):
        url, ids = f"sqlite:///{tmp_path / str(len(stops))}.db", counted()
        for part, events in enumerate(stops):
            with Engine.open(url, seed=7, ids=ids, clock=lambda: 0.0) as engine:
                for event in range(events):
                    n = sum(stops[:part]) + event
                    decision = engine.choose({"x": float(n % 11), "s": str(n % 5)}, ["a", "b", "c"])
                    engine.reward(decision.id, float((n % 3 == 0) == (decision.action == "a")))
                hashes.append(engine.state_hash())
    assert hashes[0] == hashes[-1]


def test_a_damaged_snapshot_is_passed_over_for_the_one_before(url: str, life: Callable[..., None]) -> None:
    with Engine.open(url, seed=7, learner=None, snapshot_every=500) as engine:
        life(engine, 600)
        running = engine.state_hash()
    with sqlite3.connect(file_of(url)) as raw:
        (last,) = raw.execute("select max(position) from snapshots").fetchone()
        change = "update snapshots set body = substr(body, 1, 100) || x'00' || substr(body, 102) where position = ?"
        raw.execute(change, (last,))
    raw.close()
    assert not verify(url).sound
    with pytest.warns(ReplayWarning, match=f"snapshot at position {last} cannot be used") as warned:
        engine = Engine.open(url, learner=None)
    assert [warning.filename for warning in warned] == [__file__], "it points at the caller"
    with engine:
        assert engine.state_hash() == running


COLUMNS = ("at", "id", "action", "propensity", "as_of", "context", "actions", "reward", "decision", "unit", "kind")


@pytest.mark.parametrize("column", COLUMNS)
def test_one_changed_bit_of_a_row_is_found_and_named(url: str, column: str, life: Callable[..., None]) -> None:
    with Engine.open(url, seed=7, learner=None) as engine:
        life(engine, 300)
    with sqlite3.connect(file_of(url)) as raw:
        query = f'select position, "{column}" from facts where "{column}" is not null and position > 100'  # noqa: S608 - a column of the table above
        position, value = raw.execute(query).fetchone()
        raw.execute(f'update facts set "{column}" = ? where position = ?', (_flipped(value), position))  # noqa: S608 - likewise
    raw.close()
    assert f"position {position}:" in (verify(url).difference or "")


def _flipped(value: object) -> object:
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(value, str):
        return chr(ord(value[0]) ^ 1) + value[1:]
    if isinstance(value, int):
        return value ^ 1
    assert isinstance(value, float)
    return float.fromhex(value.hex()) + (2.0**-52 if value < 1 else 2.0**-20)


def test_a_forged_row_with_a_right_checksum_is_found_by_its_probability(url: str, life: Callable[..., None]) -> None:
    with Engine.open(url, seed=7, learner=None) as engine:
        life(engine, 300)
    with open_storage(url, create=False) as storage:
        fact = next(f for f in storage.facts(200) if f.propensity not in (None, 1.0))
    assert fact.propensity is not None
    forge(url, fact, propensity=fact.propensity * (1 + 1e-12))
    assert f"position {fact.position}: decision {fact.id} logged propensity" in (verify(url).difference or "")


def test_a_changed_action_set_is_found(url: str, life: Callable[..., None]) -> None:
    with Engine.open(url, seed=7, learner=None) as engine:
        life(engine, 100)
    with sqlite3.connect(file_of(url)) as raw:
        raw.execute("update action_sets set body = cast(replace(body, 'a1', 'a9') as blob)")
    raw.close()
    assert "action set" in (verify(url).difference or "")


def test_a_learner_that_cannot_be_stored_is_restored_by_replay(url: str, life: Callable[..., None]) -> None:
    from river import compose, preprocessing, tree

    from croupier import RiverLearner

    def learner() -> RiverLearner:
        numbers = compose.SelectType(float) | preprocessing.StandardScaler()
        return RiverLearner(numbers | tree.HoeffdingTreeRegressor(grace_period=50))

    with Engine.open(url, seed=7, learner=learner()) as engine:
        life(engine, 300)
        assert engine.learner is not None
        loss = engine.learner.loss
    with Engine.open(url, learner=learner()) as engine:
        assert engine.learner is not None
        assert engine.learner.loss == loss


def test_a_store_that_began_with_a_policy_that_cannot_be_stored_is_replayed_with_a_warning(
    url: str, life: Callable[..., None]
) -> None:
    class Unstorable(UniformPolicy):
        name = "unstorable"
        storable = False

    with Engine.open(url, policy=Unstorable(), learner=None) as engine:
        life(engine, 50)
    with Engine.open(url, learner=None, policy=InverseGapPolicy(), policies=[Unstorable()], replay=True) as engine:
        state = engine.state_hash()
    with open_storage(url, create=False, read_only=True) as storage:
        assert storage.snapshots(), "the new state is stored"
    with pytest.warns(ReplayWarning, match="rebuilt from the whole log") as warned:
        engine = Engine.open(url, learner=None, policy=InverseGapPolicy(), policies=[Unstorable()])
    assert [warning.filename for warning in warned] == [__file__], "it points at the caller"
    with engine:
        assert engine.state_hash() == state


def test_a_policy_without_state_verifies_too(url: str, life: Callable[..., None]) -> None:
    with Engine.open(url, policy=UniformPolicy(), learner=None) as engine:
        life(engine, 200)
    assert verify(url).sound

"""Drifts are detected, logged, acted on, and detected again by every fold of the log."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from croupier import Drift, Engine, Features, InputError, RiverLearner, UniformPolicy, verify
from croupier.log.ids import counted
from croupier.state.features.detector import MEMORY, Detector
from croupier.state.features.drift import DEFAULT_PER_UNIT
from croupier.state.features.state import FeatureState
from croupier_policies import Actions, SoftmaxPolicy
from croupier_storage import Fact, Kind, decode_state, encode_state, hash_state, open_storage
from support import golden, inside

QUICK = {"name": "page-hinkley", "delta": 0.05, "threshold": 2.0, "min_instances": 8}


def opened(url: str, **more: Any) -> Engine:
    drift = Drift(unit=QUICK, action=QUICK, retain=0.25)
    given = {"seed": 7, "learner": RiverLearner(), "ids": counted(), "drift": drift, "clock": lambda: 0.0}
    return Engine.open(url, **{**given, "policy": UniformPolicy(), **more})


def live(engine: Engine, rewards: int, turn: int, first: int = 0) -> None:
    """Two units of different tastes; that of "u" turns round at one moment."""
    rng = random.Random(first)
    for n in range(first, first + rewards):
        unit = "uv"[n % 2]
        decision = engine.choose({"unit": unit}, ["a", "b"], unit=unit, at=float(n), id=f"d{n}")
        likes = "a" if unit == "u" and n < turn else "b"
        engine.reward(decision.id, float(decision.action == likes) if rng.random() < 0.95 else 0.5, at=float(n))


def drifts(url: str) -> list[Fact]:
    with open_storage(url, create=False, read_only=True) as storage:
        return list(storage.facts(kinds=[Kind.DRIFT]))


def test_a_change_of_taste_is_a_fact_soon_after_it(url: str) -> None:
    with opened(url, features=Features()) as engine:
        engine.observe("u", "view", "a", at=0.0)
        live(engine, 600, 400)
        engine.flush()
        found = drifts(url)
        assert found
        assert {fact.unit for fact in found} <= {None, "u"}
        mine = next(fact for fact in found if fact.unit == "u")
        assert 400 <= mine.at < 460  # 30 rewards of this unit
        payload = orjson.loads(mine.body or b"")
        assert (payload["detector"], payload["keep"]) == ("page-hinkley", 0.25)
        assert payload["after"] > payload["before"]
        state = engine.state_hash()
    proved = verify(url)
    assert (proved.sound, proved.state_hash, proved.drifts) == (True, state, len(found))
    assert f"{len(found)} drifts" in proved.summary()
    with opened(url) as engine:
        assert engine.state_hash() == state


def test_a_drift_of_a_unit_fades_its_features_and_one_of_an_action_the_policy(url: str) -> None:
    policy = SoftmaxPolicy()
    with opened(url, policy=policy, features=Features(half_lives=[1e11])) as engine:
        for unit in "uv":
            engine.observe(unit, "view", "a", at=0.0)
        for n in range(20):
            engine.reward(engine.choose({"x": n % 3}, ["a", "b"], unit="u", at=0.0, id=f"d{n}").id, n % 2, at=0.0)
        row, scores = engine.choose({"x": 1}, ["a", "b"], unit="u", at=0.0, id="row"), engine.policy
        assert isinstance(scores, SoftmaxPolicy)
        context = {"x": 1.0, **engine.unit_features("u", at=0.0)}
        before = scores.estimates(context, Actions(("a", "b")))
        for of in ({"unit": "u"}, {"action": "a"}):
            inside.append(engine, Kind.DRIFT, 0.0, body=b'{"keep":0.25}', **of)
        seen = {unit: engine.unit_features(unit, at=0.0)["c.rate.1e+11.view"] for unit in "uv"}
        after = scores.estimates(context, Actions(("a", "b")))
        assert seen == {"u": pytest.approx(0.25), "v": pytest.approx(1.0)}
        assert after.sd[0] > before.sd[0] * 1.2
        assert after.sd[1] == before.sd[1]
        assert row.logged
    assert "does not find" not in (verify(url).difference or "")
    assert "do not find" in (verify(url).difference or "")  # a drift that the detectors do not find


def test_a_missing_or_invented_drift_is_found(url: str, tmp_path: Path) -> None:
    with opened(url) as engine:
        live(engine, 600, 400)
    first = drifts(url)[0].position
    for change in ("drop", "add"):
        other = f"sqlite:///{tmp_path / change}.db"
        with open_storage(url, create=False, read_only=True) as old, open_storage(other) as new:
            new.save_settings(old.settings())
            for record in old.policies():
                new.save_policy(record)
            sets = old.action_sets([fact.actions for fact in old.facts() if fact.actions is not None])
            facts = list(old.facts(upto=first if change == "add" else first - 1))
            stray = facts[-1]._replace(position=len(facts) + 1, unit="v") if change == "add" else None
            last = old.facts_at([first + 1])[first + 1]._replace(position=len(facts) + 1, as_of=first - 1)
            new.append([*facts, stray or last], sets)
        message = "the log does not have" if change == "drop" else "do not find"
        assert message in (verify(other).difference or "")


def test_a_drift_lost_in_a_crash_is_logged_when_the_store_is_opened(url: str, tmp_path: Path) -> None:
    with opened(url) as engine:
        live(engine, 600, 400)
        engine.flush()
        first = drifts(url)[0].position
    cut = f"sqlite:///{tmp_path / 'cut.db'}"
    with open_storage(url, create=False, read_only=True) as old, open_storage(cut) as new:
        new.save_settings(old.settings())
        for record in old.policies():
            new.save_policy(record)
        sets = old.action_sets([fact.actions for fact in old.facts() if fact.actions is not None])
        new.append(list(old.facts(upto=first - 1)), sets)
        expected = old.facts_at([first])[first]
    assert verify(cut).sound
    opened(cut).close()
    assert drifts(cut) == [expected]
    assert verify(cut).sound


def test_drifts_survive_rebase_rollback_and_forgetting(url: str) -> None:
    with opened(url, features=Features(), snapshot_every=100) as engine:
        live(engine, 500, 400)
        engine.observe("v", "view", "a", at=500.0)
        engine.rebase()
        live(engine, 100, 400, 500)
        engine.snapshots.roll_back(engine.position - 50)
        live(engine, 100, 400, 600)
        engine.forget("u")
        live(engine, 200, 800, 700)
        state = engine.state_hash()
    found = verify(url)
    assert (found.sound, found.state_hash) == (True, state), found.difference
    with opened(url) as engine:
        assert engine.state_hash() == state


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 100), cut=st.integers(0, 1500), name=st.sampled_from(["adwin", "page-hinkley"]))
def test_a_restored_detector_continues_bit_for_bit(seed: int, cut: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    values = np.clip(rng.normal(0.2, 0.1, 1500) + 0.5 * (np.arange(1500) > 1200), 0, 1).tolist()
    whole, part = Detector({"name": name}), Detector({"name": name})
    found = [whole.update(value) for value in values]
    assert [part.update(value) for value in values[:cut]] == found[:cut]
    restored = Detector({"name": name}, part.inputs)
    assert [restored.update(value) for value in values[cut:]] == found[cut:]
    assert restored.inputs == whole.inputs
    assert len(whole.inputs) < 2 * MEMORY


def test_memory_is_bounded_and_a_state_is_plain(url: str) -> None:
    drift = Drift(units=3, actions=2, action=QUICK)
    for n in range(100):
        drift.update(0.0, f"u{n % 7}", f"a{n % 5}", 0.1)
    state: Any = decode_state(encode_state(drift.state()))
    assert (len(state["units"][0]), len(state["actions"][0])) == (3, 2)
    again = drift.fresh()
    again.restore(state)
    assert hash_state(again.state()) == hash_state(drift.state())


def test_a_fall_of_the_error_is_no_drift() -> None:
    detector, rng = Detector({"name": "adwin"}), np.random.default_rng(0)
    assert not any(detector.update(value) for value in rng.uniform(0.5, 1.0, 300).tolist())
    assert not any(detector.update(value) for value in rng.uniform(0.0, 0.5, 300).tolist())
    assert any(detector.update(value) for value in rng.uniform(0.5, 1.0, 300).tolist())


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.8])
def test_the_default_detector_of_a_unit_has_few_false_alarms(p: float) -> None:
    detector, rng = Detector(DEFAULT_PER_UNIT), np.random.default_rng(0)
    losses = np.where(rng.random(10_000) < p, (1 - p) ** 2, p**2)
    assert sum(detector.update(loss) is not None for loss in losses.tolist()) <= 10


@pytest.mark.parametrize(("p", "q"), [(0.8, 0.2), (0.9, 0.5), (0.1, 0.5)])
def test_the_default_detector_of_a_unit_finds_a_reversal_within_thirty_rewards(p: float, q: float) -> None:
    rng, soon = np.random.default_rng(0), 0
    for _ in range(60):
        detector, foreseen = Detector(DEFAULT_PER_UNIT), np.where(rng.random(60) < p, (1 - p) ** 2, p**2)
        for loss in foreseen.tolist():
            detector.update(loss)
        turned = np.where(rng.random(30) < q, (1 - p) ** 2, p**2)
        soon += any(detector.update(loss) is not None for loss in turned.tolist())
    assert soon >= 54


@pytest.mark.parametrize(
    "wrong",
    [
        {"all": {"name": "ddm"}},
        {"unit": {"name": "adwin", "depth": 1}},
        {"retain": 0.0},
        {"retain": 1.1},
        {"units": 0},
        {"all": "adwin"},
    ],
)
def test_an_invalid_configuration_is_rejected(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Drift(**wrong)


def test_without_a_learner_there_is_nothing_to_watch() -> None:
    with pytest.raises(InputError, match="no learner"):
        opened("sqlite://", learner=None)


def test_a_configuration_stored_with_the_key_keep_is_read_and_written(url: str) -> None:
    """`retain` was called `keep`, and stores and logs still call it so."""
    stored: dict[str, Any] = {
        "drift": {
            "name": "drift",
            "config": {
                "error": "signed",
                "all": None,
                "unit": None,
                "action": QUICK,
                "keep": 0.5,
                "units": 3,
                "actions": 4,
            },
        }
    }
    state = FeatureState.from_description(stored)
    assert state.drift is not None
    assert state.drift.retain == 0.5
    assert state.description() == state.fresh().description() == stored
    with opened(url) as engine:
        live(engine, 600, 400)
    with open_storage(url, create=False, read_only=True) as storage:
        config = orjson.loads(storage.settings()["behaviour"])["drift"]["config"]
    assert (config["keep"], "retain" in config) == (0.25, False)
    assert {orjson.loads(fact.body or b"")["keep"] for fact in drifts(url)} == {0.25}
    with Engine.open(url) as engine:
        drift = engine._loop.fold.feature_state.drift
        assert drift is not None
        assert drift.retain == 0.25


def test_an_early_store_with_the_key_keep_opens(tmp_path: Path) -> None:
    url = golden.copied("features", tmp_path)
    with open_storage(url, create=False, read_only=True) as storage:
        assert b'"keep":0.25' in storage.settings()["behaviour"]
    with Engine.open(url) as engine:
        drift = engine._loop.fold.feature_state.drift
        assert drift is not None
        assert drift.retain == 0.25

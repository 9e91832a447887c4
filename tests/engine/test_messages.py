"""A message states the cause that held, and a way out that exists for whoever reads it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from croupier import (
    ConstantPolicy,
    CroupierError,
    DecisionNotDeferred,
    DecisionRewarded,
    Engine,
    Experiment,
    Features,
    InputError,
    NoFeatures,
    Rewards,
    Rule,
    StoreInUse,
    StoreUnavailable,
    UniformPolicy,
    reports,
    study,
)
from croupier.cli.app import app
from croupier.ratings.dataset import build_ratings
from croupier.studies.statistics.planner import Assumptions


def played(url: str, earned: Callable[[str], float], units: int = 200) -> tuple[str, tuple[str, ...]]:
    """The report of an experiment, and the reasons of the ruling on it."""
    now = 0.0
    policy = ConstantPolicy(action="a")
    with Engine.open(url, policy=policy, learner=None, seed=7, clock=lambda: now) as engine:
        engine.experiments.start(Experiment("it", {"A": None, "B": ConstantPolicy(action="b")}, window=10.0))
        for k in range(units):
            now = float(k)
            decision = engine.choose({}, ["a", "b"], unit=f"u{k}")
            engine.reward(decision.id, earned(decision.action))
        now += 100.0
        engine.choose({}, ["a", "b"], unit="last")
        reasons = engine.experiments.evaluate_promotion("B", Rule()).reasons
    console = Console(width=200)
    with console.capture() as captured:
        console.print(reports.as_text(study(url)))
    return " ".join(captured.get().split()), reasons


def test_rewards_without_variance_are_not_called_few(url: str) -> None:
    report, reasons = played(url, lambda action: 0.0)
    assert "the variance is zero, and an interval needs rewards that differ" in report
    assert "insufficient data" not in report
    assert reasons == ("the effect has no interval, because units are too few or their rewards do not differ",)


def test_a_ratio_to_nothing_is_undefined_and_few_units_are_insufficient(url: str, tmp_path: Path) -> None:
    report, _ = played(url, lambda action: float(action == "b"))
    assert "reward per unit, ratio undefined" in report
    report, _ = played(f"sqlite:///{tmp_path / 'few.db'}", lambda action: float(action == "b"), units=10)
    assert "reward per unit, ratio insufficient data" in report
    assert "at least 25 each are required" in report


def test_what_is_no_file_is_no_broken_disk(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(StoreUnavailable, match="is a folder or a device, and a store is a file"):
            Engine.open(f"sqlite:///{path}")
        for command in ("verify", "status"):
            done = CliRunner().invoke(app, [command, str(path)])
            assert "a store is a file" in done.stderr
    assert "a store is a file" in CliRunner().invoke(app, ["evaluate", str(tmp_path / "pipe"), "-t", "logged"]).stderr


def test_the_state_of_a_decision_that_refuses_a_call_is_named(url: str) -> None:
    now = 0.0
    with Engine.open(url, learner=None, rewards=Rewards(window=10.0), clock=lambda: now) as engine:
        shown = engine.choose({}, ["a", "b"])
        with pytest.raises(DecisionNotDeferred, match="is active: it was not deferred, or was activated before"):
            engine.activate(shown.id)
        engine.reward(shown.id, 1.0)
        engine.retract(shown.id)
        with pytest.raises(DecisionRewarded, match="has a reward already") as caught:
            engine.action_taken(shown.id, "b")
        assert "retract" not in str(caught.value)  # which would not help
        other = engine.choose({}, ["a", "b"])
        engine.action_taken(other.id, "c")
        with pytest.raises(DecisionRewarded, match=r"the action 'c' was reported for decision .* before"):
            engine.action_taken(other.id, "b")
        deferred = engine.choose({}, ["a", "b"], deferred=True)
        now = 100.0
        with pytest.raises(DecisionNotDeferred, match=r"the window of decision .* has closed"):
            engine.activate(deferred.id)


def test_the_way_to_features_leads_there(url: str) -> None:
    with Engine.open(url, learner=None) as engine:
        engine.choose({"x": 1.0}, ["a", "b"])
        with pytest.raises(NoFeatures, match="with replay=True"):
            engine.unit_features("u")
        with pytest.raises(StoreInUse, match="Close it first"):
            Engine.open(url, learner=None)
    with Engine.open(url, learner=None, features=Features(kinds=["view"]), replay=True) as engine:
        assert engine.unit_features("u")


def test_nothing_is_said_to_be_forgotten_where_nothing_was(url: str, tmp_path: Path) -> None:
    Engine.open(url, learner=None).close()
    done = CliRunner().invoke(app, ["forget", str(tmp_path / "store.db"), "nobody"])
    assert done.stdout == "the log has no fact of the unit 'nobody'; nothing was changed\n"


RATINGS: dict[str, tuple[list[float], tuple[float, float] | None, str]] = {
    "none": ([], None, "there are no ratings"),
    "one that is no number": ([1.0, float("nan")], None, "the value of rating 1 is nan"),
    "all equal": ([3.0, 3.0], None, "all ratings are 3"),
    "outside": ([1.0, 9.0], (0.0, 5.0), "from 1 to 9, and their range was given as 0 to 5"),
    "a range from the end": ([1.0, 2.0], (5.0, 1.0), "the range of ratings is from 5 to 1"),
}


@pytest.mark.parametrize("name", RATINGS)
def test_what_is_wrong_with_ratings_is_named(name: str) -> None:
    values, rating_range, message = RATINGS[name]
    many = ["x"] * len(values)
    with pytest.raises(InputError, match=message):
        build_ratings(many, many, values, [0.0] * len(values), rating_range)


@pytest.mark.parametrize("name", ["sd", "per_day", "window", "horizon", "prior_sd", "share", "level"])
def test_the_assumption_that_cannot_be_is_named(name: str) -> None:
    sound = {"sd": 1.0, "per_day": 10.0, "window": 7.0, "horizon": 1e6}
    with pytest.raises(InputError, match=f"^{name} .*is -1.0; give a"):
        Assumptions(**{**sound, name: -1.0})


def test_numpys_own_numbers_are_numbers(url: str) -> None:
    rewards = Rewards(window=np.float32(60), default=np.float64(0))
    options = {"reward_range": (np.float64(0), np.int64(1)), "seed": np.uint64(7), "lock_timeout": np.float16(1)}
    with Engine.open(url, policy=UniformPolicy(), learner=None, rewards=rewards, **options) as engine:
        decision = engine.choose({"x": np.float32(1)}, ["a", "b"], at=np.int64(5))
        assert engine.reward(decision.id, np.float16(0.5), at=np.float64(6)).decision == decision.id
        assert len(engine.recommend(k=np.int8(2), actions=["a", "b"]).actions) == 2
        engine.experiments.start(
            Experiment("x", {"a": None, "b": UniformPolicy()}, np.float32(60), holdout=np.float64(0))
        )
        engine.experiments.evaluate_promotion("b", Rule(shares=[np.float32(0.5)]), level=np.float64(0.9))
    with pytest.raises(CroupierError, match="ndarray"):
        Rewards(window=np.array([60.0]))

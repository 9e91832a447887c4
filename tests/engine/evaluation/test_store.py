"""From a store to estimates: end to end."""

import io
import json
import shutil
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from croupier import (
    ConstantPolicy,
    Engine,
    EvidenceError,
    InputError,
    InverseGapPolicy,
    SoftmaxPolicy,
    StoreUnavailable,
    UniformPolicy,
    reports,
)
from croupier.cli.app import app
from croupier.evaluation import Cause, FrozenTarget, compare, evaluate
from croupier.evaluation.passes.recorder import record_decisions
from croupier.evaluation.passes.resolve import resolve
from croupier.evaluation.passes.source import open_source
from croupier.log.configuration import describe
from croupier_policies import Learner
from croupier_storage import open_storage

RATES = {"a": 0.4, "b": 0.7}
UNREWARDED = 40


def play(engine, n, rng, delay=5, unrewarded=0, part="d"):
    """n decisions whose rewards come `delay` decisions later; the last ones never hear of theirs.

    Draws derive from ids, so the ids are given.
    """
    waiting = []
    for k in range(n):
        decision = engine.choose({"segment": str(k % 3), "load": float(rng.normal())}, list(RATES), id=f"{part}{k}")
        if k < n - unrewarded:
            waiting.append((decision.id, float(rng.random() < RATES[decision.action])))
        while len(waiting) > delay or (waiting and k == n - 1):
            engine.reward(*waiting.pop(rng.integers(len(waiting))))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store in two parts, with a snapshot between them (and one at the end, when the engine closes)."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/log.db"
    rng = np.random.default_rng(2)
    with Engine.open(url, policy=SoftmaxPolicy(epsilon=0.6), seed=5, learner=None) as engine:
        play(engine, 1000, rng)
        middle = engine.snapshots.take()
        play(engine, 1700, rng, unrewarded=UNREWARDED, part="e")
    return url, middle


@pytest.fixture(scope="module")
def evaluation(store):
    targets = ["logged", "uniform", "constant:a", "constant:b", 'policy:softmax:{"epsilon":0.6}', "policy:inverse-gap"]
    return evaluate(store[0], targets, estimators=("ips", "snips", "dm", "dr", "sndr"))


def test_every_decision_is_counted(evaluation):
    assert evaluation.counts[:5] == (2700, 2700 - UNREWARDED, UNREWARDED, 0, 0)
    assert evaluation.counts.statuses == {"observed": 2700 - UNREWARDED, "missing": UNREWARDED}
    assert "40 of 2,700 decisions have no reward" in reports.as_dict(evaluation)["notes"][0]


@pytest.mark.parametrize("label", ["logged", 'policy:softmax:{"epsilon":0.6}'])
def test_the_logging_policy_on_its_own_log_earns_the_mean_reward_exactly(evaluation, label):
    estimates = evaluation[label].estimates
    assert estimates["ips"].value == evaluation.mean_reward
    assert estimates["snips"].value == evaluation.mean_reward
    assert evaluation[label].diagnostics.mean_weight == 1.0
    assert evaluation[label].diagnostics.weights.ess == evaluation.counts.rows


@pytest.mark.parametrize(("label", "truth"), [("uniform", 0.55), ("constant:a", 0.4), ("constant:b", 0.7)])
@pytest.mark.parametrize("estimator", ["ips", "snips", "dr", "sndr"])
def test_estimates_are_near_the_truth(evaluation, label, truth, estimator):
    found = evaluation[label].estimates[estimator]
    assert found.verdict.enough
    assert abs(found.value - truth) <= 3.3 * found.error


def test_a_policy_learned_along_the_log_beats_chance(evaluation):
    assert evaluation["policy:inverse-gap"].estimates["dr"].interval.low > 0.6


def test_no_prediction_has_seen_its_own_reward(tmp_path):
    url = f"sqlite:///{tmp_path}/log.db"
    with Engine.open(url, policy=UniformPolicy(), seed=5, learner=None) as engine:
        ids = [engine.choose([float(k)], ["a", "b"]).id for k in range(20)]
        for k, id in enumerate(reversed(ids)):
            engine.reward(id, float(k % 2))
        for k in range(20):  # the same contexts again: now they have been seen
            engine.reward(engine.choose([float(k)], ["a", "b"]).id, 1.0)
    with open_source(url, learner=Memory()) as source:
        batches = []
        record_decisions(source, [resolve("uniform", source)], batches.append)
    (rows,) = batches
    assert rows.q.tolist() == [0.5] * 20 + [float(k % 2) for k in reversed(range(20))]
    assert rows.reward.tolist() == [float(k % 2) for k in reversed(range(20))] + [1.0] * 20


class Memory(Learner):
    """Knows by heart what each context earned, whichever the action."""

    name: ClassVar[str] = "memory"
    loss = float("nan")

    def __init__(self):
        self.seen = {}

    def config(self):
        return {}

    def state(self):
        return {}

    def restore(self, state):
        self.seen = {}

    def predict(self, context, actions):
        return np.full(len(actions), self.seen.get(context[0], 0.5))

    def learn(self, context, actions, index, reward, propensity):
        self.seen[context[0]] = reward


def test_a_snapshot_is_evaluated_on_what_it_has_not_learned(store):
    url, middle = store
    found = evaluate(url, [f"snapshot:{middle}", "uniform"])
    assert found.counts.in_sample == 1000
    assert found.counts.rows == 1700 - UNREWARDED
    assert found[f"snapshot:{middle}"].estimates["dr"].value > found["uniform"].estimates["dr"].value
    assert any("snapshot had learned" in line for line in reports.as_dict(found)["notes"])


def test_a_snapshot_that_has_learned_everything_is_refused_unless_asked_for(store):
    with pytest.raises(EvidenceError, match=r"learned from the rewards of 2,660.*earlier snapshot"):
        evaluate(store[0], ["snapshot:latest"])
    (target,) = evaluate(store[0], ["snapshot:latest"], in_sample=True).targets
    assert "biased upwards" in target.notes[0]


def test_propensities_that_the_policy_does_not_explain_are_refused(store, tmp_path):
    file = Path(shutil.copy(store[0].removeprefix("sqlite:///"), tmp_path / "other.db"))
    with open_storage(f"sqlite:///{file}", create=False) as storage:
        storage.save_settings({"policy": describe(SoftmaxPolicy(epsilon=0.2))})
    (target,) = evaluate(f"sqlite:///{file}", ["uniform"]).targets
    assert [refusal.cause for refusal in target.verdict.refusals] == [Cause.PROPENSITY_MISMATCH]


def test_a_target_outside_the_support_is_refused_and_keeps_its_numbers(tmp_path):
    url = f"sqlite:///{tmp_path}/log.db"
    with Engine.open(url, policy=ConstantPolicy(action="a"), seed=5, learner=None) as engine:
        play(engine, 1000, np.random.default_rng(3))
    found = evaluate(url, ["uniform", "constant:a"])
    assert [refusal.cause for refusal in found["uniform"].verdict.refusals] == [Cause.OUTSIDE_SUPPORT]
    assert found["uniform"].diagnostics.outside == 0.5
    assert found["uniform"].estimates["snips"].value == found["constant:a"].estimates["snips"].value
    assert "uniform is refused: 50.0% of the target's probability" in shown(found)


def test_rewards_of_another_range_come_back_in_their_own_units(tmp_path):
    url = f"sqlite:///{tmp_path}/log.db"
    rng = np.random.default_rng(4)
    with Engine.open(url, policy=UniformPolicy(), seed=5, learner=None, reward_range=(-10, 30)) as engine:
        for k in range(1200):
            decision = engine.choose({}, ["a", "b"], id=f"d{k}")
            engine.reward(decision.id, 10.0 + 5.0 * (decision.action == "b") + rng.normal())
    found = evaluate(url, ["constant:b"], estimators=("ips", "snips", "dm", "dr"))["constant:b"]
    assert found.verdict.enough
    assert found.estimates["dr"].value == pytest.approx(15.0, abs=3.3 * found.estimates["dr"].error)
    assert found.estimates["dm"].value == pytest.approx(15.0, abs=2.0)
    assert found.estimates["dr"].error < found.estimates["ips"].error


def test_a_constant_that_is_not_always_a_candidate_says_so(tmp_path):
    url = f"sqlite:///{tmp_path}/log.db"
    with Engine.open(url, policy=UniformPolicy(), seed=5, learner=None) as engine:
        for k in range(10):
            engine.reward(engine.choose({}, ["a", "b"] if k else ["b", "c"]).id, 1.0)
    (target,) = evaluate(url, ["constant:a"]).targets
    assert "not a candidate in 1 of 10" in target.notes[0]
    with pytest.raises(EvidenceError, match="no decision had 'z'"):
        evaluate(url, ["constant:z"])


def test_differences_are_paired_and_the_leader_is_significant(store):
    found = compare(store[0], ["constant:a", "constant:b", "uniform"])
    assert (found.leader, found.significant) == ("constant:b", True)
    assert {each.interval.guarantee for each in found.differences} == {"normal, fixed sample, Bonferroni over 3"}
    first = found.differences[0]
    assert abs(first.value + 0.3) <= 3.3 * first.error
    assert first.better == "constant:b"
    assert "Leader: constant:b (significant)" in shown(found)


def test_targets_that_hardly_differ_are_not_told_apart(store):
    found = compare(store[0], ["uniform", FrozenTarget(UniformPolicy(), "the same")])
    assert found.differences[0].value == 0.0
    assert not found.significant
    assert "effective sample size of the difference is 0" in found.reason


def test_python_objects_are_targets_too(store):
    found = evaluate(store[0], [InverseGapPolicy(), FrozenTarget(ConstantPolicy(action="b"))])
    assert [target.label for target in found.targets] == ["policy:inverse-gap", "frozen:constant"]


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "best",
        "constant:",
        "snapshot:",
        "snapshot:soon",
        "snapshot:3",
        "policy:nobody",
        "policy:river",
        "policy:softmax:{",
        'policy:softmax:{"colour":1}',
        "policy:softmax:[1]",
    ],
)
def test_targets_that_are_not_there_are_refused(store, spec):
    with pytest.raises(EvidenceError):
        evaluate(store[0], [spec])


def test_a_target_twice_or_alone_is_refused(store):
    with pytest.raises(InputError):
        evaluate(store[0], ["uniform", "uniform"])
    with pytest.raises(InputError):
        compare(store[0], ["uniform"])


def test_the_model_alone_carries_no_comparison_and_shows_no_interval(store, evaluation):
    with pytest.raises(InputError, match="only the reward model"):
        compare(store[0], ["uniform", "logged"], estimator="dm")
    assert "model only" in shown(evaluation)
    assert "bias of the reward model" in evaluation["uniform"].estimates["dm"].interval.guarantee


def test_stores_without_evidence_are_refused(tmp_path):
    with pytest.raises(StoreUnavailable):
        evaluate(f"sqlite:///{tmp_path}/none.db", ["uniform"])
    url = f"sqlite:///{tmp_path}/log.db"
    Engine.open(url, learner=None).close()
    with pytest.raises(EvidenceError, match="no decisions yet"):
        evaluate(url, ["uniform"])


def test_progress_is_told(store):
    notes = []
    evaluate(store[0], ["uniform"], progress=lambda position, head: notes.append((position, head)))
    assert len(notes) == 2700 // 256
    assert notes == sorted(notes)


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


def test_the_command_line_prints_json_and_tables(store):
    file = store[0].removeprefix("sqlite:///")
    printed = run("evaluate", file, "--target", "uniform", "--estimator", "snips", "--json")
    (target,) = json.loads(printed.stdout)["targets"]
    assert list(target["estimates"]) == ["snips"]
    assert target["verdict"] == {"enough": True, "refusals": []}
    compared = run("compare", store[0], "-t", "uniform", "-t", "constant:b")
    assert compared.exit_code == 0
    assert "Leader: constant:b" in compared.stdout


def test_the_command_line_tells_what_is_refused(store):
    refused = run("evaluate", store[0], "--target", "best")
    assert refused.exit_code == 2
    assert "'best' is not a target" in refused.stderr


def shown(result):
    text = io.StringIO()
    Console(width=300, file=text).print(reports.as_text(result))
    return text.getvalue()

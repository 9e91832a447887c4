"""Policies that learn along a log from elsewhere, and differences on such logs."""

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from croupier import Engine, EvidenceError, InputError, InverseGapPolicy, PolicyFailed, SoftmaxPolicy, UniformPolicy
from croupier.cli.app import app
from croupier.evaluation import Cause, FrozenTarget, FunctionTarget, LearningTarget, Target, compare, evaluate
from croupier.evaluation.datasets import (
    DsJson,
    StoreRows,
    compare_dataset,
    evaluate_dataset,
    from_frame,
    from_obp,
    from_path,
    to_csv,
    to_dsjson,
    to_parquet,
)

RATES = {"phone": (0.2, 0.7), "desk": (0.6, 0.3)}


def best(context, actions):
    """What would be best, as a function."""
    return {"b" if context["device"] == "phone" else "a": 1.0}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Each reward comes right after its decision, so that a log without times can say as much as the store."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/log.db"
    rng = np.random.default_rng(2)
    with Engine.open(url, policy=SoftmaxPolicy(epsilon=0.5), seed=5, learner=None) as engine:
        for k in range(1500):
            device = ("phone", "desk")[int(rng.integers(2))]
            decision = engine.choose({"device": device, "load": float(rng.normal())}, ["a", "b"], id=f"d{k}")
            engine.reward(decision.id, float(rng.random() < RATES[device]["ab".index(decision.action)]))
    return url


TARGETS = ["logged", "uniform", "constant:b", "policy:softmax", "policy:inverse-gap"]


@pytest.fixture(scope="module")
def known(store):
    return evaluate(store, [*TARGETS, best], estimators=["ips", "snips", "dr"])


@pytest.mark.parametrize("kind", ["store", "csv", "parquet", "dsjson"])
def test_a_policy_replayed_on_an_export_earns_what_it_earns_on_the_store(store, known, tmp_path, kind):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    log = StoreRows(store)
    if kind != "store":
        path = tmp_path / f"log.{kind}"
        write = {"csv": to_csv, "parquet": to_parquet, "dsjson": to_dsjson}[kind]
        write(StoreRows(store, distributions=kind == "dsjson"), path)
        log = from_path(path)
    found = evaluate_dataset(log, [*TARGETS, best], estimators=["ips", "snips", "dr"])
    for target in known.targets:
        names = ("ips", "snips") if target.label == "logged" else ("ips", "snips", "dr")  # its v̂ needs no model here
        for name in names:
            estimate, other = (each[target.label].estimates[name] for each in (known, found))
            assert other.value == pytest.approx(estimate.value, rel=1e-9), (target.label, name)
            assert other.error == pytest.approx(estimate.error, rel=1e-9)
    assert found["logged"].estimates["dr"].value == pytest.approx(found.mean_reward)
    assert found[f"function:{best.__name__}"].estimates["dr"].value > found["uniform"].estimates["dr"].value
    if kind == "dsjson":  # lines know whole distributions
        own, theirs = (each["uniform"].diagnostics.expected_ess_reward for each in (known, found))
        assert theirs == pytest.approx(own, rel=1e-9)


def test_a_policy_has_not_seen_the_reward_it_is_judged_by():
    """Rewards that no context explains: a policy that had seen them would seem to earn more than there is."""
    rng = np.random.default_rng(0)
    n = 3000
    frame = {
        "reward": (rng.random(n) < 0.5).astype(float),
        "propensity": np.full(n, 0.5),
        "action": np.array(["a", "b"])[rng.integers(0, 2, n)],
        "x": np.arange(n, dtype=float),
    }
    log = from_frame(frame, features=["x"], actions=["a", "b"])
    estimate = evaluate_dataset(log, [LearningTarget(Memory())], floor=0.5).targets[0].estimates["ips"]
    assert abs(estimate.value - 0.5) < 3.3 * estimate.error


class Memory(UniformPolicy):
    """Knows by heart which action earned at each context."""

    name = "memory"

    def __init__(self):
        self.seen = {}

    def fresh(self):
        return Memory()

    def probabilities(self, context, actions):
        held = self.seen.get(context["x"])
        return np.full(2, 0.5) if held is None else np.eye(2)[held]

    def learn(self, context, actions, index, reward, propensity):
        self.seen[context["x"]] = index if reward else 1 - index


def test_features_of_a_table_and_of_the_pipeline_are_contexts():
    rng = np.random.default_rng(1)
    n = 4000
    x, action = rng.normal(size=(n, 2)), rng.integers(0, 2, n)
    reward = (rng.random(n) < np.where((x[:, 0] > 0) == (action == 1), 0.8, 0.2)).astype(float)
    frame = {"reward": reward, "propensity": np.full(n, 0.5), "action": action, "u": x[:, 0], "w": x[:, 1]}
    table = from_frame(frame, features=["u", "w"], actions=["0", "1"])
    feedback = {"n_rounds": n, "n_actions": 2, "action": action, "reward": reward, "pscore": np.full(n, 0.5)}
    for log in (table, from_obp({**feedback, "position": None, "context": x})):
        found = evaluate_dataset(log, ["policy:softmax", "uniform"], estimators=["snips", "dr"], floor=0.5)
        assert found["policy:softmax"].estimates["dr"].interval.low > 0.65
        assert abs(found["uniform"].estimates["dr"].value - 0.5) < 0.03


def test_numbers_in_a_csv_file_are_numbers_to_a_policy(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("reward,propensity,action,hour,device\n1,0.5,a,7,desk\n0,0.5,b,,phone\n")
    seen = []

    def watching(context, actions):
        seen.append(context)
        return [0.5, 0.5]

    evaluate_dataset(from_path(path, features=["hour", "device"], actions=["a", "b"]), [watching])
    assert seen == [{"device": "desk", "hour": 7.0}, {"device": "phone"}]


def test_rows_whose_reward_does_not_count_are_not_learned_from():
    n = 400
    columns = {
        "reward": [1.0, np.nan] * (n // 2),
        "propensity": [0.5] * n,
        "action": ["a", "b"] * (n // 2),
        "reward_status": ["observed", "missing"] * (n // 2),
        "x": [1.0] * n,
    }
    seen = []

    class Watching(Target):
        label = "watching"

        def probabilities(self, decided, logged):
            return np.full(2, 0.5)

        def learn(self, decided, reward):
            seen.append((decided.actions.ids[decided.drawn], reward))

    evaluate_dataset(from_frame(columns, features=["x"], actions=["a", "b"]), [Watching()])
    assert seen == [("a", 1.0)] * (n // 2)


def test_the_support_of_a_log_with_whole_distributions_is_known(tmp_path):
    event = {"_label_cost": -1.0, "_label_probability": 1.0, "_label_Action": 1, "a": [1, 2], "p": [1.0, 0.0]}
    path = tmp_path / "log.dsjson"
    path.write_bytes(
        b"\n".join([orjson.dumps({**event, "c": {"x": 1, "_multi": [{"_tag": "a"}, {"_tag": "b"}]}})] * 300)
    )
    (target,) = evaluate_dataset(DsJson(path), [FrozenTarget(UniformPolicy())]).targets
    assert target.diagnostics.outside == 0.5
    assert Cause.OUTSIDE_SUPPORT in [refusal.cause for refusal in target.verdict.refusals]


def test_what_a_policy_cannot_be_shown_is_said():
    frame = {"reward": [1.0], "propensity": [0.5], "action": ["z"], "x": [0.0]}
    with pytest.raises(EvidenceError, match="no policy can be evaluated"):
        evaluate_dataset(from_frame(frame), ["policy:softmax"])
    with pytest.raises(EvidenceError, match="the action is not among the candidates \\(row 1: 'z'"):
        evaluate_dataset(from_frame(frame, features=["x"], actions=["a", "b"]), ["policy:softmax"])
    other = from_frame({**frame, "context_json": ["{}"], "actions_json": ['["a","b"]']})
    with pytest.raises(EvidenceError, match="not among the candidates of its row"):
        evaluate_dataset(other, ["policy:softmax"])
    with pytest.raises(EvidenceError, match="no column 'y'"):
        from_frame(frame, features=["y"], actions=["z"])
    with pytest.raises(EvidenceError, match="requires a store"):
        evaluate_dataset(from_frame(frame), ["snapshot:latest"])
    with pytest.raises(EvidenceError, match="is not JSON"):
        evaluate_dataset(from_frame({**frame, "context_json": ["{"], "actions_json": ['["z"]']}), ["policy:softmax"])
    with pytest.raises(EvidenceError, match="candidates that no policy can be given"):
        evaluate_dataset(from_frame({**frame, "context_json": ["{}"], "actions_json": ["7"]}), ["policy:softmax"])
    with pytest.raises(InputError, match="in a column"):
        evaluate_dataset(from_frame(frame), ["column:x:x", "policy:softmax"], estimators=["dr"])


def test_a_function_must_give_a_distribution_over_the_candidates(store):
    with pytest.raises(PolicyFailed, match="too much"):
        evaluate(store, [FunctionTarget(lambda context, actions: [1.0, 1.0], "too much")])
    with pytest.raises(EvidenceError, match="gives a probability to 'z'"):
        evaluate_dataset(StoreRows(store), [FunctionTarget(lambda context, actions: {"z": 1.0}, "lost")])


def test_differences_on_an_export_are_those_of_the_store(store, tmp_path):
    path = tmp_path / "log.dsjson"
    to_dsjson(StoreRows(store, distributions=True), path)
    targets = ["uniform", InverseGapPolicy(), best]
    known, found = compare(store, targets), compare_dataset(from_path(path), targets, floor=0.25)
    assert (found.leader, found.significant, found.significant_anytime) == (
        known.leader,
        known.significant,
        known.significant_anytime,
    )
    assert len(known.differences) == 3
    for one, other in zip(known.differences, found.differences, strict=True):
        assert other.value == pytest.approx(one.value, rel=1e-9)
        assert other.effective_sample_size == pytest.approx(one.effective_sample_size, rel=1e-9)
        assert other.sequence[:2] == pytest.approx(one.sequence[:2], abs=1e-9)


def test_the_command_line_replays_and_compares_files(store, tmp_path):
    path = tmp_path / "log.csv"
    to_csv(StoreRows(store), path)
    notes = CliRunner().invoke(app, ["evaluate", str(path), "-t", "policy:softmax", "--segment", "device", "--json"])
    assert notes.exit_code == 0, notes.output
    assert orjson.loads(notes.stdout)["targets"][0]["target"] == "policy:softmax"
    notes = CliRunner().invoke(app, ["compare", str(path), "-t", "policy:softmax", "-t", "uniform", "--json"])
    assert notes.exit_code == 0, notes.output
    assert orjson.loads(notes.stdout)["estimator"] == "snips"
    for wrong, said in ((["--column", "reward"], "ROLE=NAME"), (["--column", "reward=gain"], "no column 'gain'")):
        refused = CliRunner().invoke(app, ["evaluate", str(path), "-t", "logged", *wrong])
        assert refused.exit_code == 2
        assert said in refused.stderr
    refused = CliRunner().invoke(app, ["evaluate", str(tmp_path / "gone.csv"), "-t", "logged"])
    assert refused.exit_code == 3
    assert "no such file" in refused.stderr

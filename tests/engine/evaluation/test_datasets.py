"""Logs from files, frames and stores: read whole, counted, checked, evaluated, written."""

import json
import re
from pathlib import Path

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from croupier import Engine, EvidenceError, InputError, SoftmaxPolicy, reports
from croupier.cli.app import app
from croupier.evaluation import Cause, evaluate
from croupier.evaluation.datasets import (
    Batch,
    DsJson,
    InMemoryDataset,
    StoreRows,
    Validator,
    evaluate_dataset,
    from_frame,
    from_obp,
    from_path,
    to_arrow,
    to_parquet,
)

DATA = Path(__file__).parents[4] / "shared" / "data"
NEEDS_VW = pytest.mark.skipif(not (DATA / "vw").exists(), reason="Vowpal Wabbit's logs are not beside this checkout")
NEEDS_OBD = pytest.mark.skipif(
    not (DATA / "obd").exists(), reason="the Open Bandit Dataset is not beside this checkout"
)
RATES = np.array([0.2, 0.5, 0.4])
TABLE = np.array([0.5, 0.3, 0.2])


def frame(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    action = rng.choice(3, n, p=TABLE)
    return {
        "reward": (rng.random(n) < RATES[action]).astype(float),
        "propensity": TABLE[action],
        "action": np.array(["a", "b", "c"])[action],
        "at": np.arange(n, dtype=float),
        "greedy": (action == 1) * 1.0,
        "q": 0.8 * RATES[action],
        "v": np.full(n, 0.8 * RATES[1]),
        "device": np.where(np.arange(n) % 2, "phone", "desk"),
    }


def line(**changes):
    event = {
        "_label_cost": -1.0,
        "_label_probability": 0.5,
        "_label_Action": 2,
        "_labelIndex": 1,
        "Timestamp": "2026-01-02T00:00:00Z",
        "a": [2, 1],
        "c": {"_multi": [{"_tag": "x"}, {"_tag": "y"}]},
        "p": [0.5, 0.5],
    }
    return orjson.dumps({**event, **changes})


def dsjson(tmp_path, *lines):
    path = tmp_path / "log.dsjson"
    path.write_bytes(b"\n".join(lines))
    return DsJson(path)


def usable_rows(target):
    return {label: tally.diagnostics.count for label, tally in target.history.segments.items()}


def whole(dataset):
    (batch,) = dataset.batches()
    return batch


def test_targets_of_every_kind_are_evaluated():
    found = evaluate_dataset(
        from_frame(frame(), candidates=3),
        ["logged", "uniform", "constant:b", "column:greedy:v"],
        estimators=["ips"],
        floor=0.2,
    )
    for label, truth in (("uniform", RATES.mean()), ("constant:b", 0.5), ("column:greedy", 0.5)):
        estimate = found[label].estimates["ips"]
        assert estimate.verdict.enough
        assert abs(estimate.value - truth) < 3.3 * estimate.error
        low, high, *_ = estimate.intervals["betting-sequence"]
        assert low < truth < high
    assert found["logged"].estimates["ips"].value == pytest.approx(found.mean_reward)


def test_a_reward_model_comes_with_its_columns():
    found = evaluate_dataset(from_frame(frame()), ["column:greedy:v"], estimators=["ips", "dr"])["column:greedy"]
    assert found.estimates["dr"].error < found.estimates["ips"].error
    with pytest.raises(EvidenceError, match="no reward model can learn"):
        evaluate_dataset(from_frame(frame()), ["column:greedy"], estimators=["dr"])


def test_segments_are_told_apart():
    found = evaluate_dataset(from_frame(frame()), ["constant:b"], segment="device")["constant:b"]
    assert {label: tally.diagnostics.count for label, tally in found.history.segments.items()} == {
        "desk": 2000,
        "phone": 2000,
    }


def test_a_data_frame_and_a_table_are_read_alike():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    plain = whole(from_frame(frame()))
    for other in (pandas.DataFrame(frame()), pyarrow.table(frame())):
        found = whole(from_frame(other))
        assert np.array_equal(found.reward, plain.reward)
        assert np.array_equal(found.action, plain.action)


def test_parquet_and_back(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    log, path = from_frame(frame(), candidates=3), tmp_path / "log.parquet"
    assert to_parquet(log, path) == 4000
    found = from_path(path)
    assert found.size == 4000
    for name in ("reward", "propensity", "candidates", "at"):
        assert np.array_equal(getattr(whole(found), name), getattr(log.columns, name))
    assert to_arrow(found).num_rows == 4000
    targets = ["uniform", "constant:b"]
    assert reports.as_json(evaluate_dataset(found, targets)) == reports.as_json(evaluate_dataset(log, targets))


def test_csv_lines_that_are_cut_short_are_counted(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("reward,propensity,action\n1,0.5,a\n0,0.5\n0,0.5,b\n")
    dataset = from_path(path)
    assert whole(dataset).reward.tolist() == [1.0, 0.0]
    assert dataset.left_out == {"malformed: a different number of fields than the header": 1}


def test_columns_are_named_or_missed_in_plain_words(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("gain,chance\n1,0.5\n")
    with pytest.raises(EvidenceError, match="no column is called reward or click"):
        whole(from_path(path))
    with pytest.raises(EvidenceError, match="there is no column 'win'"):
        whole(from_path(path, {"reward": "win"}))
    assert whole(from_path(path, {"reward": "gain", "propensity": "chance"})).propensity.tolist() == [0.5]
    with pytest.raises(InputError, match="there is no role 'colour'"):
        whole(from_path(path, {"colour": "gain"}))
    with pytest.raises(InputError, match=r"not a \.csv"):
        from_path(tmp_path / "log.xlsx")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"propensity": [0.5, 1.5]}, r"1 rows are invalid: the propensity is not above 0 and at most 1.*row 2: 1\.5"),
        ({"propensity": [0.0, 0.5]}, "not above 0"),
        ({"propensity": [0.5, np.nan]}, "the propensity is not a number"),
        ({"reward": [0.0, np.inf]}, "not finite"),
        ({"reward": [0.0, 7.0]}, "outside 0 to 1"),
        ({"candidates": [2.0, 0.0]}, "fewer than one"),
        ({"candidates": [1.0, 2.0]}, "one candidate and a propensity below 1"),
        ({"propensity": [0.5, 0.05]}, "below the declared floor"),
    ],
)
def test_what_cannot_be_is_refused_in_plain_words(changes, said):
    columns = {"reward": [0.0, 1.0], "propensity": [0.5, 0.5], **changes}
    with pytest.raises(EvidenceError, match=said):
        evaluate_dataset(from_frame(columns), ["logged"], floor=0.1, strict=True)
    found = evaluate_dataset(from_frame(columns), ["logged"], floor=0.1)
    assert (found.counts.rows, found.counts.invalid, found.counts.decisions) == (1, 1, 2)
    assert re.search(said.partition(":")[2] or said, found.notes[0])


def test_time_running_backwards_and_propensities_of_no_draw_are_noted():
    validator = Validator(0.0, 1.0)
    even = np.ones(1000)
    validator.check(Batch(0 * even, 0.9 * even, candidates=2 * even, at=np.arange(1000.0)))
    validator.check(Batch(0 * even, 0.9 * even, candidates=2 * even, at=np.arange(1000.0)))
    backwards, draw = validator.notes()
    assert "timestamps decrease 1 times" in backwards
    assert "the mean of 1/(K·p) is 0.556" in draw


def test_what_a_log_does_not_say_cannot_be_asked():
    columns = from_frame({"reward": [0.0, 1.0], "propensity": [0.5, 0.5]})
    for target, said in (
        ("uniform", "number of candidates is not known"),
        ("constant:a", "no column of actions"),
        ("column:z", "no column 'z'"),
    ):
        with pytest.raises(EvidenceError, match=said):
            evaluate_dataset(columns, [target])
    with pytest.raises(InputError, match="not a target for columns"):
        evaluate_dataset(columns, ["best"])
    with pytest.raises(EvidenceError, match="no row"):
        evaluate_dataset(InMemoryDataset(Batch(np.empty(0), np.empty(0))), ["logged"])


def test_decision_service_lines_are_read_and_the_others_counted(tmp_path):
    dataset = dsjson(
        tmp_path,
        line(),
        line(_label_cost=0.0, _label_Action=1),
        line(pdrop=0.9),
        line(_label_cost=0.0, o=[]),
        b"{",
        b"[]",
        b"",
        orjson.dumps({"RewardValue": 1.0, "EventId": "gone"}),
        line(_skipLearn=True),
        orjson.dumps({"c": {"_multi": [{}], "_slots": []}, "_outcomes": []}),
        orjson.dumps({"c": {"_multi": [{}]}, "a": [1], "p": [1.0]}),
        line(_label_Action=3),
        line(p=[0.2, 0.8]),
        line(p=[0.5, 0.2]),
        line(a="x"),
        line(pdrop=1.0),
    )
    batch = whole(dataset)
    assert batch.status.tolist() == ["observed", "observed", "observed", "defaulted", "not-shown", "missing"]
    assert batch.reward == pytest.approx([1.0, 0.0, 1.0, 0.0, np.nan, np.nan], nan_ok=True)
    assert batch.action.tolist() == ["y", "x", "y", "y", "y", "1"]
    assert batch.candidates.tolist() == [2.0] * 5 + [1.0]
    assert batch.subsampling == pytest.approx([1.0, 1.0, 10.0, 1.0, 1.0, 1.0])
    assert batch.at[0] == 1767312000.0
    assert sum(dataset.left_out.values()) == 9
    kinds = [reason.partition(":")[0] for reason in dataset.left_out]
    assert set(kinds) == {"malformed", "dangling", "several slots", "contradictory"}
    found = evaluate_dataset(dataset, ["uniform"])
    assert ["rows were left out" in note for note in found.notes][: len(kinds)] == [True] * len(kinds)
    assert found.counts.decisions == 15
    assert found.counts.statuses == {"observed": 3, "defaulted": 1, "not-shown": 1, "missing": 1}


def test_dropped_rows_weigh_as_many_as_they_stand_for(tmp_path):
    kept = [line(_label_cost=-1.0)] * 30 + [line(_label_cost=0.0, pdrop=0.9)] * 7
    found = evaluate_dataset(dsjson(tmp_path, *kept), ["logged"], estimators=["ips", "snips"])["logged"]
    assert found.estimates["ips"].value == pytest.approx(0.3)
    assert found.estimates["snips"].value == pytest.approx(0.3)


@NEEDS_VW
@pytest.mark.parametrize(
    ("file", "rows", "total", "left"),
    [
        ("dsjson_cb.json", 23, 12.0, 0),
        ("decisionservice.json", 3, 2.0, 0),
        ("cb_simple_pdrop.json", 1, 1.0, 0),
        ("igl.dsjson", 200, None, 0),
        ("ccb_automl.dsjson", 0, None, 9),
        ("slates_simple_unlabeled.dsjson", 0, None, 2),
    ],
)
def test_vowpal_wabbits_own_logs_are_read(file, rows, total, left):
    dataset = DsJson(DATA / "vw" / "train-sets" / file)
    batches = list(dataset.batches())
    assert sum(map(len, batches)) == rows
    assert dataset.left_out.total() == left
    assert total is None or sum(batch.reward.sum() for batch in batches) == total


@NEEDS_OBD
def test_the_open_bandit_dataset_is_read_as_it_is():
    dataset = from_path(DATA / "obd" / "random" / "all" / "all.csv")
    batch = whole(dataset)
    assert (len(batch), batch.reward.sum(), set(batch.candidates)) == (10_000, 38.0, {80.0})
    found = evaluate_dataset(dataset, ["logged", "uniform"])
    assert found["uniform"].diagnostics.mean_weight == pytest.approx(1.0)
    assert [each.cause for each in found["logged"].verdict.refusals] == [Cause.LOW_ESS]


@NEEDS_OBD
@pytest.mark.parametrize(("logged", "target"), [("random", "bts"), ("bts", "random")])
def test_the_open_bandit_dataset_from_its_own_files_gives_the_numbers_of_the_pipeline(logged, target):
    dist = np.load(DATA / "obd" / f"action_dist_all_{target}.npy")
    places = DATA / "obd" / logged / "all" / "all.csv"
    dataset = from_path(places, features=["position"], actions=[str(k) for k in range(80)])

    def policy(context, actions):
        return dist[:, int(context["position"]) - 1]

    expected = json.loads((DATA / "obd" / "expected.json").read_text())["cases"][f"all:{logged}->{target}"]
    found = evaluate_dataset(dataset, [policy]).targets[0]
    assert found.estimates["ips"].value == pytest.approx(expected["policy_values"]["ipw"], rel=1e-9)
    assert found.estimates["snips"].value == pytest.approx(expected["policy_values"]["snipw"], rel=1e-9)


@NEEDS_OBD
def test_a_feedback_dictionary_of_the_pipeline_gives_its_numbers():
    rows = np.load(DATA / "obd" / "rounds_all_random_to_bts.npz")
    target = np.load(DATA / "obd" / "action_dist_all_bts.npy")
    feedback = {name: rows[name].astype(int) for name in ("action", "position", "reward")}
    feedback |= {"n_rounds": 10_000, "n_actions": 80, "pscore": rows["pscore"]}
    expected = json.loads((DATA / "obd" / "expected.json").read_text())["cases"]["all:random->bts"]["policy_values"]
    found = evaluate_dataset(from_obp(feedback, {"bts": target}), ["column:bts"])["column:bts"]
    assert found.estimates["ips"].value == pytest.approx(expected["ipw"], rel=1e-9)
    assert found.estimates["snips"].value == pytest.approx(expected["snipw"], rel=1e-9)
    with pytest.raises(EvidenceError, match="no pscore"):
        from_obp({**feedback, "pscore": None})


def test_estimated_rewards_of_the_pipeline_serve_the_doubly_robust():
    rng = np.random.default_rng(1)
    action, q = rng.integers(0, 2, 500), rng.random((500, 2, 1))
    feedback = {
        "n_rounds": 500,
        "n_actions": 2,
        "action": action,
        "reward": rng.random(500),
        "pscore": np.full(500, 0.5),
        "position": None,
    }
    log = from_obp(feedback, {"first": np.array([[1.0], [0.0]])}, q)
    found = evaluate_dataset(log, ["column:first:first v"], estimators=["dm"])["column:first"]
    assert found.estimates["dm"].value == pytest.approx(q[:, 0, 0].mean())


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/log.db"
    rng = np.random.default_rng(2)
    with Engine.open(url, policy=SoftmaxPolicy(epsilon=0.5), seed=5, learner=None) as engine:
        for k in range(600):
            decision = engine.choose({"device": "phone" if k % 2 else "desk"}, ["a", "b"], id=f"d{k}")
            if k % 10:
                engine.reward(decision.id, float(rng.random() < (0.6 if decision.action == "b" else 0.3)))
    return url


def test_a_store_as_columns_gives_what_the_store_gives(store):
    rows = StoreRows(store)
    batch = whole(rows)
    assert len(batch) == 600
    assert (batch.status == "missing").sum() == np.isnan(batch.reward).sum() == 60
    assert not rows.left_out
    known = evaluate(store, ["logged", "uniform", "constant:b"], estimators=["ips", "snips"])
    found = evaluate_dataset(rows, ["logged", "uniform", "constant:b"])
    for label in ("logged", "uniform", "constant:b"):
        for name in ("ips", "snips"):
            one, other = (each[label].estimates[name] for each in (known, found))
            assert other.value == pytest.approx(one.value, rel=1e-9)


def test_segments_of_a_store_and_a_confidence_sequence_by_default(store):
    (target,) = evaluate(store, ["constant:b"], segment="device").targets
    assert {label: tally.diagnostics.count for label, tally in target.history.segments.items()} == {
        "desk": 240,
        "phone": 300,
    }
    assert list(target.estimates["ips"].intervals) == ["normal", "betting-sequence"]
    assert list(target.estimates["snips"].intervals) == ["normal"]


def test_the_command_line_reads_files(tmp_path):
    path = tmp_path / "log.csv"
    columns = {name: values for name, values in frame().items() if name != "action"}
    path.write_text(
        "\n".join(",".join(map(str, row)) for row in [columns.keys(), *zip(*columns.values(), strict=True)])
    )
    files = ["--candidates", "3", "--floor", "0.2"]
    arguments = ["evaluate", str(path), "-t", "column:greedy", "-i", "bootstrap", *files, "--json"]
    printed = CliRunner().invoke(app, arguments)
    (target,) = json.loads(printed.stdout)["targets"]
    assert list(target["estimates"]["snips"]["intervals"]) == ["bootstrap"]
    refused = CliRunner().invoke(app, [*arguments, "--column", "reward=gain"])
    assert refused.exit_code == 2
    assert "no column 'gain'" in refused.stderr

"""What became of each decision stays told apart: in the log, in every export, in every estimate."""

import csv
import io

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from croupier import Engine, EvidenceError, Rewards, SoftmaxPolicy, reports
from croupier.evaluation import DecisionStatus, evaluate
from croupier.evaluation.datasets import (
    Batch,
    DsJson,
    InMemoryDataset,
    StoreRows,
    evaluate_dataset,
    from_frame,
    from_obp,
    from_path,
    to_arrow,
    to_columns,
    to_csv,
    to_dsjson,
    to_obp,
    to_parquet,
)
from croupier.evaluation.passes.status import USABLE, status
from croupier.log.rewards import RewardState
from croupier_storage import Fact, Kind

N = 900
#: What happens to decision k of the log: by k modulo nine.
FATES = [
    DecisionStatus.OBSERVED,
    DecisionStatus.OBSERVED,  # of a zero
    DecisionStatus.LATE,
    DecisionStatus.DEFAULTED,
    DecisionStatus.CORRECTED,
    DecisionStatus.OPEN,
    DecisionStatus.RETRACTED,
    DecisionStatus.NOT_SHOWN,
    DecisionStatus.OTHER_ACTION,
]
EARNED = {DecisionStatus.LATE: 0.75, DecisionStatus.DEFAULTED: 0.25, DecisionStatus.CORRECTED: 0.5}


def fate(k):
    return FATES[k % 9]


def earned(k):
    """What counts in the end; None where nothing does."""
    if fate(k) not in USABLE:
        return None
    return EARNED.get(fate(k), float(k % 9 == 0))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A log with decisions of every fate; those that stay open are decided last."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/log.db"
    order = sorted(range(N), key=lambda k: fate(k) == DecisionStatus.OPEN)
    with Engine.open(
        url,
        policy=SoftmaxPolicy(epsilon=0.5),
        seed=5,
        learner=None,
        clock=lambda: 0.0,
        rewards=Rewards(window=100.0, default=0.25),
    ) as engine:
        for place, k in enumerate(order):
            at = 1000.0 * (fate(k) == DecisionStatus.OPEN)
            decision = engine.choose(
                {"k": float(k % 9), "device": "phone" if k % 2 else "desk"},
                ["a", "b"],
                id=f"d{k:04}",
                deferred=fate(k) == DecisionStatus.NOT_SHOWN,
                at=at + place / N,
            )
            live(engine, decision, k, at + 1.0)
        engine.expire(at=500.0)
        for k in range(N):
            if fate(k) == DecisionStatus.LATE:
                engine.reward(f"d{k:04}", 0.75, at=600.0)
            if fate(k) == DecisionStatus.CORRECTED:
                engine.correct(f"d{k:04}", 0.5, at=600.0)
            if fate(k) == DecisionStatus.RETRACTED:
                engine.retract(f"d{k:04}", at=600.0)
    return url


def live(engine, decision, k, at):
    if fate(k) in (DecisionStatus.OBSERVED, DecisionStatus.CORRECTED, DecisionStatus.RETRACTED):
        engine.reward(decision.id, float(k % 9 == 0), at=at)
    if fate(k) == DecisionStatus.OTHER_ACTION:
        engine.action_taken(decision.id, "a" if decision.action == "b" else "b", at=at)


def told(dataset):
    """Status and reward by decision."""
    return {
        str(id): (str(state), None if np.isnan(reward) else float(reward))
        for batch in dataset.batches()
        for id, state, reward in zip(batch.others["id"], batch.status, batch.reward, strict=True)
    }


EXPECTED = {f"d{k:04}": (fate(k).value, earned(k)) for k in range(N)}


def test_a_store_tells_every_fate_apart(store):
    assert told(StoreRows(store)) == EXPECTED
    assert told(StoreRows(store, distributions=True)) == EXPECTED


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_tell_every_fate_apart(store, tmp_path, kind):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    path = tmp_path / f"log.{kind}"
    assert (to_csv if kind == "csv" else to_parquet)(StoreRows(store), path) == N
    assert told(from_path(path)) == EXPECTED
    if kind == "csv":
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        assert {row["reward"] for row in rows if row["reward_status"] == "retracted"} == {""}


def test_arrow_and_frames_tell_every_fate_apart(store):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    table = to_arrow(StoreRows(store))
    assert table.column("reward").null_count == sum(earned(k) is None for k in range(N))
    assert isinstance(table, pyarrow.Table)
    assert told(from_frame(table)) == EXPECTED
    assert told(from_frame(pandas.DataFrame(to_columns(StoreRows(store))))) == EXPECTED


def test_decision_service_lines_tell_every_fate_apart(store, tmp_path):
    path = tmp_path / "log.dsjson"
    assert to_dsjson(StoreRows(store, distributions=True), path) == N
    lines = {event["EventId"]: event for event in map(orjson.loads, path.read_bytes().splitlines())}
    found = DsJson(path)
    (batch,) = found.batches()
    named = dict(zip(lines, zip(batch.status.tolist(), batch.reward.tolist(), strict=True), strict=True))
    assert {id: (state, None if np.isnan(r) else r) for id, (state, r) in named.items()} == EXPECTED
    assert not found.left_out
    for k in range(N):  # also for a reader that knows nothing of `_status`
        event = lines[f"d{k:04}"]
        assert ("_label_cost" in event) == (earned(k) is not None)
        assert event.get("_skipLearn", False) == (fate(k) == DecisionStatus.NOT_SHOWN)
        assert (event.get("o") == []) == (fate(k) == DecisionStatus.DEFAULTED)
        assert sum(event["p"]) == pytest.approx(1.0)


def test_lines_need_whole_distributions(store, tmp_path):
    with pytest.raises(EvidenceError, match="distributions=True"):
        to_dsjson(StoreRows(store), tmp_path / "log.dsjson")
    with pytest.raises(EvidenceError, match="no contexts and candidates"):
        to_dsjson(InMemoryDataset(Batch(np.ones(1), np.ones(1))), tmp_path / "log.dsjson")


def test_a_feedback_dictionary_counts_what_it_has_no_place_for(store):
    feedback = to_obp(StoreRows(store))
    assert feedback["n_rounds"] == sum(earned(k) is not None for k in range(N))
    assert feedback["statuses"] == {"observed": 200, **{each.value: 100 for each in FATES[2:]}}
    found = evaluate_dataset(from_obp(feedback), ["logged"], estimators=["ips"])
    assert found.mean_reward == pytest.approx(np.mean([earned(k) for k in range(N) if earned(k) is not None]))


def test_how_each_fate_enters_an_estimate(store, tmp_path):
    """Observed, late, defaulted and corrected rewards count as they stand; the others are left out, and counted."""
    expected = np.mean([earned(k) for k in range(N) if earned(k) is not None])
    path = tmp_path / "log.csv"
    to_csv(StoreRows(store), path)
    for found in (evaluate(store, ["logged"], estimators=["ips"]), evaluate_dataset(from_path(path), ["logged"])):
        assert found.mean_reward == pytest.approx(expected)
        assert found["logged"].estimates["ips"].value == pytest.approx(expected)
        assert found.counts[:3] == (N, 5 * N // 9, 4 * N // 9)
        assert found.counts.statuses == {"observed": 200, **{each.value: 100 for each in FATES[2:]}}
        text = io.StringIO()
        Console(width=300, file=text).print(reports.as_text(found))
        for said in (
            "arrived late",
            "declared default",
            "corrected",
            "still open",
            "retracted",
            "never activated",
            "another",
        ):
            assert said in text.getvalue()


KINDS = st.sampled_from([Kind.REWARD, Kind.DEFAULT, Kind.ACTIVATION, Kind.TAKEN, Kind.CORRECTION, Kind.RETRACTION])
RULES = st.sampled_from(
    [
        Rewards(),
        Rewards(window=9.0),
        Rewards(window=9.0, default=0.0),
        Rewards("sum", window=9.0),
        Rewards("last", window=9.0, default=1.0),
    ]
)


@given(st.booleans(), st.lists(KINDS, max_size=8), RULES)
def test_a_status_counts_just_where_there_is_an_outcome(deferred, kinds, rule):
    reward_state = RewardState(deferred=deferred)
    for position, kind in enumerate(kinds, 2):
        reward = rule.default if kind is Kind.DEFAULT else 0.5  # the default is the fact's own
        reward_state.apply(Fact(position, kind.value, 0.0, decision=1, reward=reward, action="b"), rule)
    found = status(reward_state, rule)
    assert (found in USABLE) == (reward_state.effective(rule) is not None)
    if found == DecisionStatus.DEFAULTED:
        assert reward_state.effective(rule) == rule.default


def test_a_status_that_there_is_not_is_refused():
    log = from_frame({"reward": [1.0], "propensity": [0.5], "reward_status": ["pending"]})
    with pytest.raises(EvidenceError, match=r"not one of observed, late.*'pending'"):
        evaluate_dataset(log, ["logged"])


def test_a_reward_that_counts_must_be_there():
    log = from_frame({"reward": [np.nan], "propensity": [0.5], "reward_status": ["observed"]})
    with pytest.raises(EvidenceError, match="not finite"):
        evaluate_dataset(log, ["logged"])


def test_a_log_of_which_nothing_counts_says_why():
    log = from_frame({"reward": [np.nan], "propensity": [0.5], "reward_status": ["retracted"]})
    with pytest.raises(EvidenceError, match=r"left out: \{'retracted': 1\}"):
        evaluate_dataset(log, ["logged"])

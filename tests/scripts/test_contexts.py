"""The study of contexts on a small scale: its environments, its contenders, and its table."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer

from bakeoff import contexts, environments, inputs, players, report, rows, runs
from bakeoff.environments import Event
from croupier_policies import Actions, Vector
from croupier_policies.base import Text

ROWS = rows.rows()
PNG = b"\x89PNG"


def events(name: str, count: int, seed: int = 1) -> list[Event]:
    if (needs := ROWS[name].needs) is not None and not needs.exists():
        pytest.skip("the shared reference data is not beside us")
    return list(ROWS[name].environment(np.random.default_rng(seed), count))


@pytest.mark.parametrize("name", ROWS)
def test_rewards_have_the_expectations_of_the_law(name: str) -> None:
    found = events(name, 40)
    means, rewards = (np.concatenate(each) for each in ([e.means for e in found], [e.rewards for e in found]))
    assert all(len(e.means) == len(e.rewards) == len(e.actions) for e in found)
    assert rewards.min() >= 0.0
    assert rewards.max() <= ROWS[name].high
    spread = max(float(np.std(rewards - means)), 1e-9)
    assert abs(np.mean(rewards - means)) < 4 * spread / len(found) ** 0.5  # an event's rewards may be dependent


@pytest.mark.parametrize("name", ["crossing categories", "300 items, 50 live", "novelty"])
def test_a_seed_determines_the_events(name: str) -> None:
    first, second, other = events(name, 30), events(name, 30), events(name, 30, seed=2)
    assert [e.rewards.tolist() for e in first] == [e.rewards.tolist() for e in second]
    assert [e.rewards.tolist() for e in first] != [e.rewards.tolist() for e in other]


def test_items_come_and_go() -> None:
    shown = [set(e.actions.ids) for e in events("300 items, 50 live", 161)]
    assert [len(each) for each in shown] == [50] * 161
    assert len(shown[0] - shown[160]) == 2


def test_flat_rows_hold_numbers_and_strings() -> None:
    context = {
        "n": 2.0,
        "shop": "a",
        "tags": ["x", "y"],
        "words": {"z": 3.0},
        "v": np.array([0.5, 1.5], dtype=np.float32),
        "title": Text("Good day, good Sir"),
    }
    row, _ = inputs.Flat()(Event(context, Actions(("a",)), np.zeros(1), np.zeros(1), unit="u7"))
    assert row == {
        "n": 2.0, "shop": "a", "tags=x": 1.0, "tags=y": 1.0, "words=z": 3.0, "v.0": 0.5, "v.1": 1.5,
        "title=good": 1.0, "title=day": 1.0, "title=sir": 1.0, "unit": "u7",
    }  # fmt: skip


def test_standardised_numbers_have_mean_0_and_spread_1() -> None:
    rng, standardise = np.random.default_rng(0), inputs.Standardised()
    found = []
    for x in rng.normal(50.0, 10.0, (600, 2)):
        row, _ = standardise(Event({"v": x}, Actions(("a",)), np.zeros(1), np.zeros(1)))
        found.append(list(row.values()))
    assert np.abs(np.mean(found[100:], axis=0)).max() < 0.2
    assert np.abs(np.std(found[100:], axis=0) - 1.0).max() < 0.2


class Oracle:
    """Knows the expectations, and fails on every third call."""

    def __init__(self, every: int) -> None:
        self.count, self.every = 0, every

    def choose(self, event: Event) -> int:
        self.count += 1
        if self.count % self.every == 0:
            raise ValueError("every third")
        self.p = np.eye(len(event.means))[int(event.means.argmax())]
        return int(event.means.argmax())

    def probabilities(self) -> Vector:
        return self.p

    def learn(self, reward: float) -> None: ...

    def close(self) -> None: ...


def test_the_lift_of_the_oracle_is_1_and_failures_count_as_uniform() -> None:
    row = ROWS["xor"]
    perfect, faulty = (runs.play(Oracle(every), row, 3, 120) for every in (1000, 3))
    assert row.measures[0].of(perfect) == pytest.approx(1.0)
    assert faulty["failures"] == 40
    assert faulty["error"] == "ValueError: every third"
    assert 0.5 < row.measures[0].of(faulty) < 0.8


def test_a_contender_that_refuses_the_first_events_is_stopped() -> None:
    result = runs.play(Oracle(1), ROWS["xor"], 3, 120)
    assert result["played"] == result["failures"] == runs.TRIES


def test_a_policy_plays_alike_with_and_without_an_engine() -> None:
    row = ROWS["measurements"]
    direct, served = (runs.play(make("softmax", row.high, 5), row, 5, 400) for make in (players.Direct, players.Served))
    assert direct["failures"] == served["failures"] == 0
    assert abs(row.measures[0].of(direct) - row.measures[0].of(served)) < 0.2


def test_every_command_line_of_vowpal_wabbit_runs() -> None:
    pytest.importorskip("vowpalwabbit", reason="Vowpal Wabbit is not installed")
    row = ROWS["crossing categories"]
    for name in players.variants(players.PEER, row.extra):
        assert runs.play(players.Direct(name, row.unit, 0), row, 0, 20)["failures"] == 0, name


def test_a_finished_run_is_not_repeated_and_everything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    file, picture, result = tmp_path / "runs.jsonl", tmp_path / "curves.png", tmp_path / "result.json"
    for _ in range(2):
        contexts.main(
            row=["crossing"],
            policy=["softmax", "popularity"],
            seeds=2,
            first_seed=7,
            events=60,
            engine=True,
            workers=2,
            file=file,
            against="popularity",
            picture=picture,
            json_file=result,
        )
    assert len(file.read_text().splitlines()) == 4
    assert "crossing categories" in capsys.readouterr().out
    assert picture.read_bytes()[:4] == PNG
    assert [cell["policy"] for cell in json.loads(result.read_text())["results"]] == ["softmax", "popularity"]


def test_the_best_command_line_of_a_row_is_reported() -> None:
    results = {}
    for number, name in enumerate(players.variants(players.PEER, ("",))):
        for seed in range(2):
            run = {"played": 40, "failures": 0, "error": "", "blocks": [[number, 0.0, 20.0, 0.0]] * 40}
            results[runs.Job("steps", name, seed, 40, "direct")] = run
    (cell,) = report.all_cells(results, ["steps"], [players.PEER])
    assert cell.options == players.variants(players.PEER, ("",))[-1]
    assert cell.mean == pytest.approx(17 / 20)


def test_only_the_best_command_lines_get_every_seed(tmp_path: Path) -> None:
    pytest.importorskip("vowpalwabbit", reason="Vowpal Wabbit is not installed")
    file = tmp_path / "runs.jsonl"
    contexts.main(row=["steps"], policy=["vw"], seeds=2, first_seed=0, events=40, engine=False, workers=2, file=file)
    seeds = [json.loads(line)["seed"] for line in file.read_text().splitlines()]
    assert seeds.count(0) == len(players.variants(players.PEER, ("",)))
    assert seeds.count(1) == contexts.FINALISTS


def test_unknown_rows_are_listed(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="crossing"):
        contexts.main(row=["no such row"], file=tmp_path / "runs.jsonl")


def test_an_unknown_policy_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="no-such"):
        contexts.main(row=["xor"], policy=["no-such"], file=tmp_path / "runs.jsonl")
    assert not (tmp_path / "runs.jsonl").exists()


def test_outliers_are_shown_and_not_meant() -> None:
    clean, faulty = events("measurements", 600), events("measurements, outliers", 600)
    assert [e.means.tolist() for e in clean] == [e.means.tolist() for e in faulty]
    shown = [max(e.context.values()) == environments.OUTLIER for e in faulty]
    assert 0 < sum(shown) < 15

"""The timing and the output that all benchmarks share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench import __main__ as bench
from bench import output, timing


def test_contenders_take_turns_and_warm_up_rounds_do_not_count() -> None:
    order: list[tuple[str, int]] = []

    def contender(name: str):
        def run(number: int) -> int:
            order.append((name, number))
            return number * number

        return run

    ticks: list[str] = []
    found = timing.take_turns({name: contender(name) for name in "ab"}, range(4), warmup=2, tick=ticks.append)
    assert found == {"a": [4, 9], "b": [4, 9]}
    assert order == [(name, number) for number in range(4) for name in "ab"]
    assert ticks == list("abababab")


def test_the_median_leaves_out_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call is slow; of the others, that of 3 seconds is the median."""
    now = 0.0
    durations = iter([100.0, 1.0, 9.0, 3.0])

    def call() -> None:
        nonlocal now
        now += next(durations)

    timed = timing.timed
    monkeypatch.setattr(timing, "timed", lambda call, collect: timed(call, lambda: now, collect))
    assert timing.median_seconds({"call": call}, rounds=3) == {"call": 3.0}


def test_the_ratio_is_below_one_where_croupier_is_faster() -> None:
    assert timing.ratio(1.0, 4.0) == "0.25"


def test_json_holds_machine_settings_and_results(tmp_path: Path) -> None:
    output.write_json(None, {}, {})
    output.write_json(tmp_path / "out.json", {"rounds": 3}, [1, 2])
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["settings"], found["results"]) == ({"rounds": 3}, [1, 2])
    assert found["machine"]["versions"]["numpy"]


@pytest.mark.parametrize("name", ["loop", "kernels", "store", "catalogue", "evaluation", "calls"])
def test_every_benchmark_has_a_command_that_writes_json(name: str) -> None:
    found = CliRunner().invoke(bench.app, [name, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert found.exit_code == 0
    assert "--json" in found.output

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import __main__ as bench
from bench import calls, contenders, loop


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for part in value.values() for number in _numbers(part)]
    return [value] if isinstance(value, int | float) else []


def test_a_short_run_measures_every_contender_that_is_installed(tmp_path: Path) -> None:
    found = CliRunner().invoke(
        bench.app, ["loop", "--quick", "--json", str(tmp_path / "bench.json")], catch_exceptions=False
    )
    assert found.exit_code == 0
    written = json.loads((tmp_path / "bench.json").read_text())
    available, missing = contenders.installed()
    assert {row["contender"] for row in written["results"]} == {kind.name for kind in available}
    assert len(written["results"]) == sum(1 + kind.delayed_rewards for kind in available)
    assert all(f"{kind.name} is left out" in found.output for kind in missing)
    for row in written["results"]:
        measured = _numbers({key: row[key] for key in ("choose_us", "reward_us", "pairs_per_second")})
        assert len(measured) == 7
        assert all(math.isfinite(number) and number > 0 for number in measured), row
    assert written["machine"]["versions"]["croupier"]


def test_every_contender_sees_the_same_events() -> None:
    first, again, other = (loop.simulate(3, 5, number) for number in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.contexts, other.contexts)


def test_reusing_examples_gives_vowpal_wabbit_the_probabilities_that_text_gives_it(tmp_path: Path) -> None:
    pytest.importorskip("vowpalwabbit")
    actions = ["a0", "a1", "a2"]
    text = contenders.VowpalWabbitText(actions, tmp_path)
    reused = contenders.VowpalWabbitReused(actions, tmp_path)
    contexts, clicks = loop.simulate(3, 200, 0)
    seen = set()
    for i, row in enumerate(contexts.round(3).tolist()):  # the text has six digits
        probabilities = text.predict(row)
        assert reused.predict(row) == probabilities
        seen.add(tuple(probabilities))
        for way in (text, reused):
            way.learn(row, i % 3, -float(clicks[i, i % 3]), 1 / 3)
    assert len(seen) > 1
    text.close()
    reused.close()


def test_calls_are_counted_in_files_of_croupier_and_in_all(tmp_path: Path) -> None:
    runs = calls.measure(tmp_path, warmup=20, events=5, opens=2)
    assert [len(runs[name]) for name in ("choose", "reward", "open")] == [5, 5, 2]
    for name in runs:
        found = calls.summary(runs[name])
        assert 1 < found["files"] <= found["functions"] <= found["calls"] <= found["all_calls"]
        assert sum(calls.by_file(runs[name][0]).values()) <= runs[name][0].total()
        assert all([code.co_qualname for code in run].count(f"Engine.{name}") == 1 for run in runs[name])
    assert calls.count_calls(len, "ab") == (2, {})

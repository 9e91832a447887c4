"""The simulated shop on a small scale: the engine follows a change of taste, and the nightly filter does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_the_engine_beats_the_nightly_filter_and_recovers_from_a_change_of_taste(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from case import study

    study.main(users=100, items=150, visits=5_000, seed=1, folder=tmp_path)
    found = json.loads((tmp_path / "case.json").read_text())["results"]
    assert found["margin"][0] > 0.0
    found = found["recommenders"]
    assert found["croupier"]["hit rate"] > found["nightly filter"]["hit rate"] > found["random"]["hit rate"]
    curves = found["croupier"]["curve"], found["nightly filter"]["curve"]
    assert curves[0][5] > curves[0][0] + 0.2
    assert curves[0][5] > curves[1][5]
    assert (tmp_path / "case.png").stat().st_size > 10_000


def test_what_is_recovered_stays_and_counts_by_the_last_visit_of_its_block() -> None:
    from case import study

    assert study.BLOCK == 5
    assert study.recovery_visit(1.0, [0.5, 0.95, 0.8, 0.9, 0.92]) == 20
    assert study.recovery_visit(1.0, [0.95, 0.9]) == 5
    assert study.recovery_visit(1.0, [0.95, 0.8]) is None

"""The case, small: the loop follows its users, and the nightly filter does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_the_loop_beats_the_nightly_filter_and_regains_what_a_change_of_taste_costs(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    import case_study

    case_study.main(users=100, items=150, visits=5_000, seed=1, folder=tmp_path)
    found = json.loads((tmp_path / "case.json").read_text())
    assert found["margin"][0] > 0.0
    assert found["croupier"]["hit rate"] > found["nightly filter"]["hit rate"] > found["random"]["hit rate"]
    curves = found["croupier"]["curve"], found["nightly filter"]["curve"]
    assert curves[0][5] > curves[0][0] + 0.2
    assert curves[0][5] > curves[1][5]
    assert (tmp_path / "case.png").stat().st_size > 10_000


def test_what_is_regained_stays_and_counts_by_the_last_visit_of_its_block() -> None:
    import case_study

    assert case_study.BLOCK == 5
    assert case_study.regained(1.0, [0.5, 0.95, 0.8, 0.9, 0.92]) == 20
    assert case_study.regained(1.0, [0.95, 0.9]) == 5
    assert case_study.regained(1.0, [0.95, 0.8]) is None

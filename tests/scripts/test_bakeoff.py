"""The bake-off on a small scale."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer

from bakeoff import __main__ as bakeoff
from bakeoff import contenders, datasets
from croupier_policies import UniformPolicy

PNG = b"\x89PNG"


def test_it_writes_a_table_a_figure_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    bakeoff.main(sets="iris,wine", policies="softmax,inverse-gap", shuffles=2, rows=60, tuned=False, out=tmp_path)
    assert "iris" in capsys.readouterr().out
    found = json.loads((tmp_path / "bakeoff.json").read_text())
    assert found["settings"] == {"shuffles": 2, "rows": 60, "tuned": False}
    assert len(found["results"]["iris"]["softmax"]["errors"]) == 2
    assert (tmp_path / "bakeoff.png").read_bytes()[:4] == PNG


def test_unknown_names_are_listed(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="iris"):
        bakeoff.main(sets="no-such", out=tmp_path)


def test_every_exported_policy_takes_part() -> None:
    assert {"softmax", "inverse-gap", "bag", "river-policy"} <= set(contenders.contenders(False))


def test_vowpal_wabbits_explorers_run_and_rates_are_chosen_per_set() -> None:
    pytest.importorskip("vowpalwabbit", reason="Vowpal Wabbit is not installed")
    data, tuned = datasets.load("iris"), contenders.contenders(True)
    for name in contenders.EXPLORERS:
        found = contenders.score(tuned[name], data, 1, 40)
        assert 0.0 <= found.errors[0] <= 1.0
        assert found.variant in range(len(contenders.RATES))


def test_the_error_is_that_of_the_actions_drawn() -> None:
    data = datasets.load("iris")
    uniform = contenders.Contender("uniform", (UniformPolicy,), False)
    errors = [contenders.error(UniformPolicy(), uniform, data, shuffle, 150) for shuffle in range(20)]
    assert abs(np.mean(errors) - 2 / 3) < 4 * np.sqrt(2 / 9 / 3000)


def test_codes_are_strings_and_scaled_numbers_lie_between_0_and_1() -> None:
    scaled = np.array(datasets.load("wine").scaled)
    assert (scaled.min(), scaled.max()) == (0.0, 1.0)
    if "splice" not in datasets.names():
        pytest.skip("the shared reference data is not beside us")
    assert all(isinstance(value, str) for value in dict(datasets.load("splice").raw[0]).values())

"""Logs of earlier code, opened, proved and evaluated by the code of today: nothing that they say has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support import golden

EXPECTED: dict[str, Any] = golden.read()
EXACT = EXPECTED["arithmetic"] == golden.arithmetic()  # bits are promised within one arithmetic, and 1e-9 across two


def test_every_store_is_there_and_recorded() -> None:
    files = {file.name for file in golden.FOLDER.iterdir()}
    assert files == {"expected.json", *(f"{name}.db" for name in golden.STORES)}
    assert set(EXPECTED["stores"]) == set(golden.STORES)


@pytest.mark.parametrize("name", golden.STORES)
def test_a_log_opens_and_gives_the_same_figures(name: str, tmp_path: Path) -> None:
    found = golden.figures(name, golden.copied(name, tmp_path))
    assert golden.differences(found, EXPECTED["stores"][name], EXACT) == []
    assert found["verification"]["sound"]


@pytest.mark.parametrize("name", golden.STORES)
def test_a_log_written_today_says_the_same(name: str, tmp_path: Path) -> None:
    golden.STORES[name].write(tmp_path / "new.db")
    new, old = (golden.logged(url) for url in (f"sqlite:///{tmp_path / 'new.db'}", golden.copied(name, tmp_path)))
    if EXACT:
        assert new == old
    else:
        told = [[golden.plain(row[1:5]) for row in golden.decisions(facts)] for facts in (new, old)]
        assert golden.differences(*told, exact=False) == []


def test_differences_are_found() -> None:
    old = {"state": "x", "value": 1.0, "rows": [1, 2.0]}
    assert golden.differences(old, old, exact=True) == []
    assert golden.differences({**old, "value": 1.0 + 1e-12}, old, exact=True) == [
        "/value: 1.000000000001, recorded 1.0"
    ]
    assert golden.differences({**old, "value": 1.0 + 1e-12, "state": "y"}, old, exact=False) == []
    for changed in ({"value": 1.0 + 1e-6}, {"value": "nan"}, {"rows": [1]}, {"rows": [2, 2.0]}, {"more": 0}):
        assert len(golden.differences({**old, **changed}, old, exact=False)) == 1

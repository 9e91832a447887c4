"""Forged stores and snapshots are opened, refused or reported, within limits of time and memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.forgeries import attempt, forge, sound


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    sound(folder)
    return folder


def test_the_store_before_it_is_forged_is_sound(origin: Path, tmp_path: Path) -> None:
    forge(origin, tmp_path, 0)
    for file in origin.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    outcome = attempt(tmp_path)
    assert outcome.held, outcome
    assert outcome.answers[:3] == ["opened", "sound", "0 damaged"]
    assert outcome.answers[3].startswith("imported at")


@pytest.mark.parametrize("number", range(12))
def test_a_forgery_is_opened_refused_or_reported(origin: Path, tmp_path: Path, number: int) -> None:
    done = forge(origin, tmp_path, number)
    outcome = attempt(tmp_path)
    assert outcome.held, (done, outcome)

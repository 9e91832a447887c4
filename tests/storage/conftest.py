from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from croupier_storage import Snapshot, Storage, open_storage
from croupier_storage.checks.samples import decision, reward


def _url(path: Path) -> str:
    return f"sqlite:///{str(path).replace('%', '%25').replace('?', '%3F')}"


@pytest.fixture
def url() -> Callable[[Path], str]:
    """The URL of a file, whatever its name."""
    return _url


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a shop?#%.db"


@pytest.fixture
def store(path: Path) -> Iterator[Storage]:
    """A file with 400 decisions and their rewards, and a snapshot."""
    with open_storage(_url(path)) as storage:
        for place in range(1, 801, 2):
            storage.append([decision(place), reward(place + 1, place)], {})
        storage.save_snapshot(Snapshot(4, 1.0, "ab", b"state"))
        yield storage


@pytest.fixture
def alter(path: Path) -> Callable[..., None]:
    """Change the file by SQL statements, as another program would."""

    def run(*statements: str) -> None:
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return run

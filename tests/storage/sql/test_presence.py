"""A database file that is deleted, replaced or truncated while it is open is noticed before a fact is acknowledged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from croupier_storage import CorruptStore, Fact, Kind, open_storage

DAMAGE: dict[str, Callable[[Path], object]] = {
    "deleted": lambda file: file.unlink(),
    "replaced": lambda file: (file.rename(file.with_suffix(".moved")), shutil.copy(file.with_suffix(".moved"), file)),
    "truncated": lambda file: os.truncate(file, 100),
    "its log deleted": lambda file: file.with_name(file.name + "-wal").unlink(),
}


def observation(position: int) -> Fact:
    return Fact(position, Kind.OBSERVATION, 1.0, unit="u", body=b'{"kind":"view"}')


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_happens_to_the_file_is_noticed_at_the_next_append(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "store.db"
    storage = open_storage(f"sqlite:///{file}", lease=True)
    storage.append([observation(1)], {})
    DAMAGE[damage](file)
    with pytest.raises(CorruptStore, match=r"was (deleted|replaced|truncated)"):
        storage.append([observation(2)], {})
    storage.close()


def test_a_store_that_was_vacuumed_by_its_own_erasure_goes_on(tmp_path: Path) -> None:
    with open_storage(f"sqlite:///{tmp_path / 'store.db'}", lease=True) as storage:
        storage.append([observation(n) for n in range(1, 2000)], {})
        storage.erase("u", 2.0)
        storage.append([observation(2000)], {})
        assert storage.head() == 2000

"""The process is really killed, and what it had acknowledged is really there; `make crash` does it a thousand times."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.crash import crash


@pytest.mark.parametrize("attempt", range(5))
@pytest.mark.parametrize("durability", ["group", "commit"])
@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_what_was_acknowledged_survives_kill_9(
    tmp_path: Path, backend: str, durability: str, attempt: int, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}" if backend == "sqlite" else request.getfixturevalue("postgres_url")
    outcome = crash(url, durability, 0.05 + 0.07 * attempt, tmp_path)
    assert outcome.acknowledged > 20

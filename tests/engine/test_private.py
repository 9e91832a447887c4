"""Private fields: hashed before anything is logged, and alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from croupier import Catalogue, ConfigurationDiffers, Engine, Features, InputError, verify
from croupier.log.files import private_file
from croupier.log.private import VARIABLE
from croupier_storage import open_storage

KEY = b"sixteen bytes or more"
ADDRESS = "ada@shop.example"


def opened(url: str, **options: Any) -> Engine:
    return Engine.open(url, seed=7, learner=None, features=Features(), **options)


def fill(engine: Engine, at: float = 0.0) -> list[str]:
    """Decisions and an observation with the secret wherever a value can stand."""
    engine.observe("u", "view", "i", at=at, email=ADDRESS, code=[1.0, 4321.0625], seconds=3)
    shown: list[Any] = [
        {"a": {"email": ADDRESS, "price": 1}, "b": {"email": "other", "price": 2}},
        Catalogue(["a", "b"], [{"email": ADDRESS}, {"email": "other"}]),
    ]
    return [engine.choose({"email": ADDRESS, "code": 4321.0625, "hour": 9}, some, unit="u", at=at).id for some in shown]


def test_no_private_value_reaches_the_files(url: str, tmp_path: Path) -> None:
    with opened(url, private=["email", "code"], private_key=KEY) as engine:
        for id in fill(engine):
            engine.reward(id, 1.0)
        engine.snapshots.take()
    assert verify(url).sound
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"hour" in content
    assert ADDRESS.encode() not in content
    assert b"4321.0625" not in content


def test_equal_values_have_equal_hashes_under_one_key_only(url: str, tmp_path: Path) -> None:
    bodies = []
    for name, key in (("one", KEY), ("two", KEY), ("three", KEY[::-1])):
        with opened(f"sqlite:///{tmp_path}/{name}.db", private=["email"], private_key=key) as engine:
            first = engine.choose({"email": ADDRESS, "hour": 1}, ["a"], id="d", at=0.0)
            again = engine.choose({"email": ADDRESS, "hour": 1}, ["a"], id="d", at=0.0)
            assert first.position == again.position
        with open_storage(f"sqlite:///{tmp_path}/{name}.db", create=False, read_only=True) as storage:
            bodies.append(next(storage.facts()).context)
    assert bodies[0] == bodies[1] != bodies[2]


def test_a_store_with_private_fields_needs_its_key(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(url, private=["email"], private_key=KEY).close()
    with pytest.raises(ConfigurationDiffers, match="in clear"):
        opened(url)
    with pytest.raises(ConfigurationDiffers, match="not the one"):
        opened(url, private_key=b"another key of sixteen bytes")
    monkeypatch.setenv(VARIABLE, KEY.decode())
    with opened(url, private=["phone"]) as engine:
        engine.choose({"email": ADDRESS, "phone": "12345"}, ["a"])
    with open_storage(url, create=False, read_only=True) as storage:
        context = next(storage.facts()).context or b""
    assert ADDRESS.encode() not in context
    assert b"12345" not in context


@pytest.mark.parametrize(
    "options",
    [
        {"private": ["email"]},
        {"private": ["email"], "private_key": "short"},
        {"private": "email", "private_key": KEY},
        {"private": [3], "private_key": KEY},
        {"private": [None], "private_key": KEY},
        {"private_key": KEY},
        {"private": ["email"], "private_key": 12345678901234567890},
    ],
)
def test_what_hides_nothing_is_refused(url: str, options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        opened(url, **options)


def test_a_written_file_is_its_owners(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("older")
    file.chmod(0o644)
    with private_file(file, text=True) as page:
        page.write("é\n")
    assert (file.stat().st_mode & 0o777, file.read_bytes()) == (0o600, "é\n".encode())

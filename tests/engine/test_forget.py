"""Erasure: the one deletion."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from croupier import Engine, InputError, UnknownDecision, verify
from croupier.log.ids import counted
from croupier_storage import Kind, open_storage

WHO = "somebody@example.com"


def play(engine: Engine, *, with_them: bool) -> list[str]:
    """Choices all made before any reward, so that one unit's absence changes nobody else's draw."""
    rng, made = random.Random(5), []
    for n in range(120):
        unit, x = (WHO if n % 10 == 3 else f"u{n % 7}"), rng.gauss(0, 1)
        if unit != WHO or with_them:
            context = {"x": x, "town": f"{WHO}'s town" if unit == WHO else "elsewhere"}
            made.append((engine.choose(context, ["a", "b", "c"], unit=unit, id=f"n{n}", at=0.0).id, rng.random()))
        else:
            rng.random()
    for id, value in made:
        engine.reward(id, value, key=f"key of {id}", at=1.0)
    return [id for id, _ in made]


def opened(url: str) -> Engine:
    return Engine.open(url, seed=7, ids=counted(), clock=lambda: 2.0, snapshot_every=50)


def test_the_state_is_that_of_a_log_in_which_the_unit_never_was(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'with.db'}"
    with opened(url) as engine:
        play(engine, with_them=True)
        with_them = engine.state_hash()
        assert engine.forget(WHO) == 24
        state = engine.state_hash()
        with pytest.raises(UnknownDecision):
            engine.reward("n3", 1.0)
        engine.reward(engine.choose({"x": 0.5, "town": "elsewhere"}, ["a", "b"], unit="u1").id, 1.0)
        last = engine.state_hash()
    with opened(f"sqlite:///{tmp_path / 'without.db'}") as engine:
        play(engine, with_them=False)
        engine.rebase()
        assert engine.state_hash() == state != with_them
    with opened(url) as engine:
        assert engine.state_hash() == last
    files = list(tmp_path.glob("with.db*"))
    assert files
    for file in files:
        assert WHO.encode() not in file.read_bytes()
    found = verify(url)
    assert found.sound, found.difference
    assert (found.erased, found.unverifiable > 0, found.state_hash) == (24, True, last)
    assert found.decisions + found.unverifiable == 109
    assert "24 facts were erased" in found.summary()
    with open_storage(url, create=False, read_only=True) as storage:
        first = next(storage.facts(kinds=[Kind.ERASURE])).position
        rebase = next(storage.facts(kinds=[Kind.REBASE])).position
        positions = [info.position for info in storage.snapshots()]
    assert positions
    assert [position for position in positions if first <= position < rebase] == []


def test_an_erasure_cut_short_is_finished_when_the_store_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from croupier.runtime.loop import Loop

    url = f"sqlite:///{tmp_path / 'store.db'}"
    with opened(url) as engine:
        play(engine, with_them=True)
        with monkeypatch.context() as patched:
            patched.setattr(Loop, "rebase", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                engine.forget(WHO)
    with opened(url) as engine:
        state = engine.state_hash()
    with opened(f"sqlite:///{tmp_path / 'without.db'}") as engine:
        play(engine, with_them=False)
        engine.rebase()
        assert engine.state_hash() == state
    assert verify(url).sound


def test_a_unit_that_never_was_is_forgotten_without_harm(url: str) -> None:
    with opened(url) as engine:
        play(engine, with_them=False)
        assert engine.forget("nobody") == 0
        with pytest.raises(InputError):
            engine.forget("")
    assert verify(url).sound

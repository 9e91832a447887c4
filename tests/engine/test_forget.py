"""Erasure: the one deletion."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

from croupier import CorruptSnapshot, Engine, InputError, Rewards, UnknownDecision, verify
from croupier.log.ids import counted
from croupier_storage import Kind, decode_state, encode_state, open_storage
from support import inside
from support.forgetting import database_bytes, folder_bytes, forget_and_kill
from support.postgres import Server

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


def test_an_unknown_unit_leaves_every_decision_verifiable(url: str) -> None:
    with opened(url) as engine:
        play(engine, with_them=False)
        before = engine.position, engine.state_hash()
        assert engine.forget("nobody") == 0
        assert (engine.position, engine.state_hash()) == before
    found = verify(url)
    assert (found.sound, found.unverifiable, found.decisions) == (True, 0, 108)


def test_an_older_release_completed_an_erasure_of_nothing(url: str) -> None:
    """It wrote [0, 0], and nothing may follow for decisions that nothing was erased from."""
    with opened(url) as engine:
        play(engine, with_them=True)
        inside.loop(engine).rebase(Kind.REBASE, payload={"erased": [0, 0]})
        engine.forget(WHO)
    found = verify(url)
    assert found.sound, found.difference
    with opened(url) as engine:
        play_more = engine.choose({"x": 0.5, "town": "elsewhere"}, ["a", "b"], unit="u1")
        engine.reward(play_more.id, 1.0)
    assert verify(url).decisions == found.decisions + 1


def test_an_erasure_cut_short_by_an_older_release_is_completed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the setting named the unit until the end, and the tombstones were there already."""
    with opened(url) as engine:
        play(engine, with_them=True)
        inside.writer(engine).drain()  # a snapshot that is still on its way would contain the unit
        inside.storage(engine).erase(WHO, 3.0)
        inside.storage(engine).save_settings({"forgetting": orjson.dumps(WHO)})
        monkeypatch.setattr(type(inside.loop(engine)), "snapshot", lambda loop: loop.position)
    monkeypatch.undo()
    with opened(url) as engine:
        assert inside.storage(engine).settings()["forgetting"] == b"null"
        engine.reward(engine.choose({"x": 0.5, "town": "elsewhere"}, ["a", "b"], unit="u1").id, 1.0)
    found = verify(url)
    assert (found.sound, found.erased, found.difference) == (True, 24, None)
    assert all(WHO.encode() not in file.read_bytes() for file in Path(url.removeprefix("sqlite:///")).parent.iterdir())


@pytest.mark.parametrize("seconds", [None, 0.02, 0.1, 0.25])
def test_no_byte_is_left_after_a_kill_in_sqlite(tmp_path: Path, seconds: float | None) -> None:
    forget_and_kill(f"sqlite:///{tmp_path}/store.db", seconds, lambda: folder_bytes(tmp_path))


@pytest.mark.parametrize("seconds", [None, 0.1])
def test_no_byte_is_left_after_a_kill_in_postgresql(postgres: Server, postgres_url: str, seconds: float | None) -> None:
    if not postgres.restarts:
        pytest.skip("the server's files are out of reach")
    forget_and_kill(postgres_url, seconds, lambda: database_bytes(postgres, postgres_url))


def test_no_snapshot_is_taken_of_a_state_with_a_unit_that_is_being_erased(url: str) -> None:
    """A snapshot that another thread asks for meanwhile waits for the end."""
    with opened(url) as engine:
        play(engine, with_them=True)
        loop, taken = inside.loop(engine), []
        rebase = loop.rebase

        def slowly(*args: Any, **kwargs: Any) -> int:
            asking.start()
            asking.join(0.3)
            assert not taken
            return rebase(*args, **kwargs)

        asking = threading.Thread(target=lambda: taken.append(engine.snapshots.take()))
        loop.rebase = slowly  # type: ignore[method-assign] # only this one is slow
        engine.forget(WHO)
        asking.join()
        assert [info.position for info in engine.snapshots.list()][-1] == taken[0] == engine.position
    assert verify(url).sound


def test_the_windows_of_an_erased_unit_are_closed_with_it(url: str) -> None:
    with Engine.open(url, seed=7, learner=None, rewards=Rewards(window=10.0, default=0.0), clock=lambda: 0.0) as engine:
        for unit in (WHO, "other"):
            engine.choose({"x": 1.0}, ["a", "b"], unit=unit, at=0.0)
        assert engine.forget(WHO) == 1
        assert engine.expire(at=20.0) == 1
    assert verify(url).sound


def test_snapshots_of_an_erased_unit_or_of_another_store_are_refused(url: str, tmp_path: Path) -> None:
    before, early, after = tmp_path / "before", tmp_path / "early", tmp_path / "after"
    with opened(url) as engine:
        engine.choose({"x": 0.0, "town": "elsewhere"}, ["a", "b"], unit="first")
        engine.snapshots.export(engine.snapshots.take(), early)
        play(engine, with_them=True)
        engine.snapshots.export(engine.snapshots.take(), before)
        state: Any = decode_state(before.read_bytes())
        (tmp_path / "older").write_bytes(encode_state({name: state[name] for name in state if name != "units"}))
        position = engine.snapshots.import_(tmp_path / "older")
        engine.forget(WHO)
        engine.snapshots.export(engine.snapshots.take(), after)
        for file in (before, tmp_path / "older"):
            with pytest.raises(CorruptSnapshot, match="erased"):
                engine.snapshots.import_(file)
        assert engine.snapshots.import_(early) == 1
        assert engine.snapshots.import_(after) > position
    with opened(f"sqlite:///{tmp_path / 'another.db'}") as engine:
        engine.choose({"x": 0.0, "town": "elsewhere"}, ["a", "b"], unit="first")
        play(engine, with_them=False)
        for _ in range(30):
            engine.choose({"x": 0.0, "town": "elsewhere"}, ["a", "b"], unit="u1")
        assert engine.snapshots.import_(early) == 1  # of no unit that this log does not have
        with pytest.raises(CorruptSnapshot, match="another store"):
            engine.snapshots.import_(before)
        engine.choose({"x": 0.0, "town": "elsewhere"}, ["a", "b"], unit=WHO)
        with pytest.raises(CorruptSnapshot, match="another store"):
            engine.snapshots.import_(before)  # `forget` would look for it only from here on
    assert {file.stat().st_mode & 0o777 for file in (before, early, after)} == {0o600}

"""Snapshots as files, kept, pinned and forged: what a stranger puts in one's place does nothing but raise."""

from __future__ import annotations

import pickle
import struct
import zlib
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import croupier_storage
from croupier import CorruptSnapshot, Engine, EvidenceError, InputError, RiverLearner, verify
from croupier.log.ids import counted
from croupier.state.fold import ReplayWarning
from croupier_storage import Snapshot, decode_state, encode_state, hash_state, open_storage


def opened(url: str, **more: Any) -> Engine:
    return Engine.open(url, seed=7, learner=RiverLearner(), ids=counted(), clock=lambda: 0.0, **more)


def pairs(engine: Engine, count: int, name: str = "d") -> None:
    for n in range(count):
        id = engine.choose({"x": n % 7, "s": str(n % 3)}, ["a", "b", "c"], id=f"{name}{n}").id
        engine.reward(id, float(n % 2))


def test_retention_pins_and_files(url: str, tmp_path: Path) -> None:
    file = tmp_path / "state.snapshot"
    with opened(url, snapshots_kept=2) as engine:
        pairs(engine, 5)
        first, state = engine.snapshots.take(), engine.state_hash()
        engine.snapshots.pin(first)
        engine.snapshots.export(first, file)
        for name in "efgh":
            pairs(engine, 2, name)
            engine.snapshots.take()
        pairs(engine, 1, "i")
    with opened(url) as engine:
        kept = engine.snapshots.list()
        assert [(info.position, info.pinned) for info in kept] == [(first, True), (26, False), (28, False)]
        engine.snapshots.pin(first, False)
        with pytest.raises(InputError, match="no snapshot at position 4; the store has: 10, 26, 28"):
            engine.snapshots.export(4, tmp_path / "none")
    with open_storage(url) as storage:
        storage.delete_snapshot(first)
    with opened(url) as engine:
        assert engine.snapshots.import_(file) == first
        engine.snapshots.roll_back(first)
        assert engine.state_hash() == state
    assert verify(url).sound


class Payload:
    """What a pickle could do to whoever loads it."""

    def __init__(self, harm: Path) -> None:
        self.harm = harm

    def __reduce__(self) -> Any:
        return Path.touch, (self.harm,)


def container(packed: bytes, length: int, checksum: bytes | None = None) -> bytes:
    """A container around any bytes, with the right checksum unless another is given."""
    right = blake2b(struct.pack("<HQ", 1, length) + packed, digest_size=32).digest()
    return struct.pack("<8sHQ32s", b"\x89CRP\r\n\x1a\n", 1, length, checksum or right) + packed


def classed(state: Any, name: str) -> Any:
    """The state with another class in place of the learner's model."""
    model = {**state["learner"]["model"]["object"], "class": name}
    return {**state, "learner": {**state["learner"], "model": {"object": model}}}


def named(state: Any, name: str, harm: Path) -> Any:
    """The state with another policy in place of its own."""
    policy = {"name": name, "config": {"path": str(harm)}}
    return {**state, "parts": {**state["parts"], "policy": policy}}


Forge: TypeAlias = Callable[[Any, Path], bytes]

FORGED: dict[str, Forge] = {
    "a pickle": lambda state, harm: pickle.dumps(Payload(harm)),
    "a pickle in a container": lambda state, harm: container(zlib.compress(pickle.dumps(Payload(harm))), 100),
    "a shorter length": lambda state, harm: container(zlib.compress(b"n"), 0),
    "a longer length": lambda state, harm: container(zlib.compress(b"n"), 1 << 20),
    "a wrong checksum": lambda state, harm: container(zlib.compress(b"n"), 1, bytes(32)),
    "a bomb that lies": lambda state, harm: container(zlib.compress(bytes(50_000_000), 9), 10),
    "a bomb that does not": lambda state, harm: container(zlib.compress(bytes(1000)), 1 << 40),
    "a class of the system": lambda state, harm: encode_state(classed(state, "subprocess.Popen")),
    "a class that is not on the list": lambda state, harm: encode_state(classed(state, "river.tree.ExtraTree")),
    "a shape that is no number": lambda state, harm: encode_state({**state, "shape": "wide"}),
    "rewards that are no number": lambda state, harm: encode_state({**state, "rewards": 10.0}),
    "no mapping": lambda state, harm: encode_state([1, 2]),
}


NO_HASH = "0" * 64


def planted(url: str, forge: Callable[[Any], bytes]) -> Snapshot:
    """Put a forgery in the place of the only snapshot: who can write the row can hash it too, if there is a state."""
    with open_storage(url) as storage:
        (info,) = storage.snapshots()
        sound = storage.snapshot(info.position)
        assert sound is not None
        body = forge(decode_state(sound.body))
        try:
            hashed = hash_state(decode_state(body, limit=1 << 20))
        except croupier_storage.CorruptSnapshot:
            hashed = NO_HASH
        forged = Snapshot(info.position, info.at, hashed, body)
        storage.save_snapshot(forged)
    return forged


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_snapshot_does_nothing_but_raise(
    url: str, tmp_path: Path, forge: Callable[[Any, Path], bytes]
) -> None:
    with opened(url) as engine:
        pairs(engine, 10)
        running = engine.state_hash()
    harm, file = tmp_path / "harm", tmp_path / "forged"
    forged = planted(url, lambda state: forge(state, harm))
    assert not verify(url).sound
    with pytest.warns(ReplayWarning, match=f"snapshot at position {forged.position} cannot be used"):
        engine = opened(url)
    with engine:
        assert engine.state_hash() == running
        file.write_bytes(forged.body)
        with pytest.raises(CorruptSnapshot):
            engine.snapshots.import_(file)
        if forged.hash == NO_HASH:
            file.write_bytes(encode_state(dict(forged._asdict())))
            with pytest.raises(CorruptSnapshot):
                engine.snapshots.import_(file)
    assert not harm.exists()


def test_a_snapshot_that_names_a_policy_unknown_here_runs_nothing(url: str, tmp_path: Path) -> None:
    with opened(url) as engine:
        pairs(engine, 10)
    harm = tmp_path / "harm"
    planted(url, lambda state: encode_state(named(state, "pathlib.Path.touch", harm)))
    with pytest.raises(EvidenceError, match=r"pathlib\.Path\.touch"):
        opened(url)
    assert not harm.exists()


@pytest.mark.parametrize(
    "change", [{"position": "1"}, {"position": 1.0}, {"position": 10**6}, {"body": 1}, {"hash": None}, {"at": "now"}]
)
def test_a_file_of_other_types_is_refused(url: str, tmp_path: Path, change: dict[str, Any]) -> None:
    file = tmp_path / "file"
    with opened(url) as engine:
        pairs(engine, 3)
        engine.snapshots.export(engine.snapshots.take(), file)
        before = engine.snapshots.list()
        file.write_bytes(encode_state(decode_state(file.read_bytes()) | change))  # type: ignore[operator]
        with pytest.raises(CorruptSnapshot):
            engine.snapshots.import_(file)
        assert engine.snapshots.list() == before

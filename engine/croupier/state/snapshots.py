"""Restoring, exporting and importing snapshots; a snapshot is checked against its hash before it is used."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Protocol, cast

from croupier.errors import EvidenceError, InputError
from croupier.log.files import private_file
from croupier.state import erasure
from croupier_policies import State
from croupier_storage import CorruptSnapshot, Snapshot, Storage, decode_hashed, decode_state, encode_state

_TYPES = {"position": int, "at": float, "hash": str, "body": bytes, "units": bytes}
_UNITS = "units"  # the field of a file with the hashes of its units
_HASH_BYTES = 16


class Restorable(Protocol):
    """An object whose state a snapshot contains."""

    def restore(self, state: State, position: int) -> None:
        """Restore a state at its position."""


def restore_at(storage: Storage, position: int, into: Restorable) -> None:
    """Restore the snapshot at a position.

    Raises:
        CorruptSnapshot: There is no intact snapshot at this position, or it has the state of another configuration.
            `into` must not be used after it.
        EvidenceError: A policy or learner of the snapshot cannot be built.
    """
    snapshot = storage.snapshot(position)
    if snapshot is None:
        raise CorruptSnapshot(f"there is no snapshot at position {position}")
    state = check_snapshot(snapshot)
    try:
        into.restore(state, position)
    except EvidenceError:
        raise  # a policy is missing in this process, which is no fault of the snapshot
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        raise CorruptSnapshot(f"it does not contain the state of this policy and learner: {error!r}") from error


def check_position(storage: Storage, position: int) -> None:
    """Raises InputError where there is no snapshot at a position; the message lists those that there are."""
    present = [info.position for info in storage.snapshots()]
    if position not in present:
        listed = ", ".join(map(str, present)) or "none"
        raise InputError(f"there is no snapshot at position {position}; the store has: {listed}")


def check_snapshot(snapshot: Snapshot) -> State:
    """The decoded state of a snapshot. Raises CorruptSnapshot unless it has the hash stored with it."""
    state, found = decode_hashed(snapshot.body)
    if found != snapshot.hash:
        raise CorruptSnapshot("its state does not have the hash that is stored with it")
    return cast("State", state)


def export_snapshot(storage: Storage, position: int, file: Path) -> None:
    """Write a snapshot to a file, in the same container with a checksum as in a store, beside `unit_hashes`.

    The file can be read by its owner only.

    Raises:
        CorruptSnapshot: It is damaged.
        InputError: There is no snapshot at this position.
    """
    check_position(storage, position)
    snapshot = storage.snapshot(position)
    if snapshot is None:
        raise CorruptSnapshot(f"the snapshot at position {position} was deleted meanwhile")
    check_snapshot(snapshot)
    body = encode_state({**snapshot._asdict(), _UNITS: b"".join(sorted(unit_hashes(storage, position)))})
    with private_file(file) as opened:
        opened.write(body)


def import_snapshot(storage: Storage, file: Path) -> int:
    """Save the snapshot in a file to the store that it was exported from, or to a copy of that store.

    Every unit that it contains must be in the log at or before its position, so that `forget` finds it there: a
    snapshot with a unit that was erased since is refused, as is one of another store with other units or another seed.
    A file of an older release names no units; it is accepted where nothing was ever erased. Only `verify` checks that
    the state is the one that the log gives.

    Returns:
        The position of the snapshot.

    Raises:
        CorruptSnapshot: The file is not an intact snapshot, its position is after the end of the log, or it may contain
            a unit that the log does not have.
    """
    data = decode_state(file.read_bytes())
    older = isinstance(data, dict) and _UNITS not in data
    expected = {name: type for name, type in _TYPES.items() if not older or name != _UNITS}
    if not isinstance(data, dict) or {name: type(value) for name, value in data.items()} != expected:
        raise CorruptSnapshot(f"{file} does not contain a snapshot")
    named = data.pop(_UNITS, b"")
    snapshot = Snapshot(**data)  # type: ignore[arg-type] # its types were just compared
    check_snapshot(snapshot)
    if not 0 < snapshot.position <= storage.head():
        raise CorruptSnapshot(
            f"{file} is a snapshot at position {snapshot.position}, but the log ends at position {storage.head()}"
        )
    if older and erasure.tombstones(storage):
        raise CorruptSnapshot(
            f"{file} was exported by an older release and does not name its units: it could contain a "
            "unit that was erased from this one. Export the snapshot again"
        )
    if not (older or (isinstance(named, bytes) and _split(named) <= unit_hashes(storage, snapshot.position))):
        raise CorruptSnapshot(
            f"{file} contains units that the log up to its position does not have: they were erased since, or it comes "
            "from another store, and `forget` could not find them in it. Take a new snapshot"
        )
    storage.save_snapshot(snapshot)
    return snapshot.position


def unit_hashes(storage: Storage, position: int) -> set[bytes]:
    """Hashes of the units of a log up to a position, under the seed of its store (BLAKE2b, 16 bytes).

    Whoever does not have the seed cannot tell from them who the units are, only how many; whoever has it can test
    a guess.
    """
    key = blake2b(storage.settings().get("seed", b""), digest_size=32).digest()
    return {blake2b(unit.encode(), key=key, digest_size=_HASH_BYTES).digest() for unit in storage.units(position)}


def _split(hashes: bytes) -> set[bytes]:
    return {hashes[start : start + _HASH_BYTES] for start in range(0, len(hashes), _HASH_BYTES)}

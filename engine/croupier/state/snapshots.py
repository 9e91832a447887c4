"""Restoring, exporting and importing snapshots; a snapshot is checked against its hash before it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

from croupier.errors import EvidenceError
from croupier_policies import State
from croupier_storage import CorruptSnapshot, Snapshot, Storage, decode_state, encode_state, hash_state

_TYPES = {"position": int, "at": float, "hash": str, "body": bytes}


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
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CorruptSnapshot(f"it does not contain the state of this policy and learner: {error!r}") from error


def check_snapshot(snapshot: Snapshot) -> State:
    """The decoded state of a snapshot. Raises CorruptSnapshot unless it has the hash stored with it."""
    state = decode_state(snapshot.body)
    if hash_state(state) != snapshot.hash:
        raise CorruptSnapshot("its state does not have the hash that is stored with it")
    return cast("State", state)


def export_snapshot(storage: Storage, position: int, file: Path) -> None:
    """Write a snapshot to a file, in the same container with a checksum as in a store.

    Raises:
        CorruptSnapshot: There is no snapshot at this position, or it is damaged.
    """
    snapshot = storage.snapshot(position)
    if snapshot is None:
        raise CorruptSnapshot(f"there is no snapshot at position {position}")
    check_snapshot(snapshot)
    file.write_bytes(encode_state(dict(snapshot._asdict())))


def import_snapshot(storage: Storage, file: Path) -> int:
    """Save the snapshot in a file to the store that it was exported from, or to a copy of that store.

    Only `verify` checks that it is the state that the log gives at its position.

    Returns:
        The position of the snapshot.

    Raises:
        CorruptSnapshot: The file is not an intact snapshot, or its position is after the end of the log.
    """
    data = decode_state(file.read_bytes())
    if not isinstance(data, dict) or {name: type(value) for name, value in data.items()} != _TYPES:
        raise CorruptSnapshot(f"{file} does not contain a snapshot")
    snapshot = Snapshot(**data)  # type: ignore[arg-type] # its types were just compared
    check_snapshot(snapshot)
    if not 0 < snapshot.position <= storage.head():
        raise CorruptSnapshot(
            f"{file} is a snapshot at position {snapshot.position}, but the log ends at position {storage.head()}"
        )
    storage.save_snapshot(snapshot)
    return snapshot.position

"""Snapshots in and out: checked before anything is believed, and carried as files."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

from croupier.errors import EvidenceError
from croupier_policies import State
from croupier_storage import CorruptSnapshot, Snapshot, Storage, decode_state, encode_state, hash_state

_TYPES = {"position": int, "at": float, "hash": str, "body": bytes}


class Restorable(Protocol):
    """What a snapshot can be restored into."""

    def restore(self, state: State, position: int) -> None:
        """Take over a state at its position."""


def restore_at(storage: Storage, position: int, into: Restorable) -> None:
    """Restore the snapshot at a position. Raises CorruptSnapshot, and then `into` must not be used."""
    snapshot = storage.snapshot(position)
    if snapshot is None:
        raise CorruptSnapshot(f"there is no snapshot at position {position}")
    state = verified(snapshot)
    try:
        into.restore(state, position)
    except EvidenceError:
        raise  # a policy is missing here: that says nothing against the snapshot
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CorruptSnapshot(f"it does not hold the state of this policy and learner: {error!r}") from error


def verified(snapshot: Snapshot) -> State:
    """The state of a snapshot, its hash checked. Raises CorruptSnapshot."""
    state = decode_state(snapshot.body)
    if hash_state(state) != snapshot.hash:
        raise CorruptSnapshot("its state does not have the hash that was written beside it")
    return cast("State", state)


def export_snapshot(storage: Storage, position: int, file: Path) -> None:
    """Write a snapshot to a file: the same checksummed container of plain data as in a store.

    Raises:
        CorruptSnapshot: There is none at this position, or it is damaged.
    """
    snapshot = storage.snapshot(position)
    if snapshot is None:
        raise CorruptSnapshot(f"there is no snapshot at position {position}")
    verified(snapshot)
    file.write_bytes(encode_state(dict(snapshot._asdict())))


def import_snapshot(storage: Storage, file: Path) -> int:
    """Keep the snapshot of a file in the store that it came from, or a copy of it; returns its position.

    Whether it is the state that the log gives there, `verify` tells.

    Raises:
        CorruptSnapshot: The file is no snapshot, is damaged, or lies beyond the log.
    """
    data = decode_state(file.read_bytes())
    if not isinstance(data, dict) or {name: type(value) for name, value in data.items()} != _TYPES:
        raise CorruptSnapshot(f"{file} holds no snapshot")
    snapshot = Snapshot(**data)  # type: ignore[arg-type] # its types were just compared
    verified(snapshot)
    if not 0 < snapshot.position <= storage.head():
        raise CorruptSnapshot(
            f"{file} is a snapshot at position {snapshot.position}, beyond the log's {storage.head()}"
        )
    storage.save_snapshot(snapshot)
    return snapshot.position

"""Restoring, exporting and importing snapshots; a snapshot is checked against its hash before it is used."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Protocol, cast

from croupier.errors import EvidenceError
from croupier.files import private_file
from croupier.state import erasure
from croupier_policies import State
from croupier_storage import CorruptSnapshot, Snapshot, Storage, decode_hashed, decode_state, encode_state

_TYPES = {"position": int, "at": float, "hash": str, "body": bytes, "log": str}
_LOG = "log"  # the field of a file that says which log its state was folded from


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


def check_snapshot(snapshot: Snapshot) -> State:
    """The decoded state of a snapshot. Raises CorruptSnapshot unless it has the hash stored with it."""
    state, found = decode_hashed(snapshot.body)
    if found != snapshot.hash:
        raise CorruptSnapshot("its state does not have the hash that is stored with it")
    return cast("State", state)


def export_snapshot(storage: Storage, position: int, file: Path) -> None:
    """Write a snapshot to a file, in the same container with a checksum as in a store, beside `log_digest`.

    The file can be read by its owner only.

    Raises:
        CorruptSnapshot: There is no snapshot at this position, or it is damaged.
    """
    snapshot = storage.snapshot(position)
    if snapshot is None:
        raise CorruptSnapshot(f"there is no snapshot at position {position}")
    check_snapshot(snapshot)
    body = encode_state({**snapshot._asdict(), _LOG: log_digest(storage, position)})
    with private_file(file) as opened:
        opened.write(body)


def import_snapshot(storage: Storage, file: Path) -> int:
    """Save the snapshot in a file to the store that it was exported from, or to a copy of that store.

    The file must name the log up to its position as it is now. So a snapshot that contains a unit erased since is
    refused, as is one of another store, whose units nobody here could find and forget. A file of an older release names
    no log; it is accepted where nothing was ever erased. Only `verify` checks that the state is the one that the log
    gives.

    Returns:
        The position of the snapshot.

    Raises:
        CorruptSnapshot: The file is not an intact snapshot, its position is after the end of the log, or the log up to
            there is not the one that the snapshot was folded from.
    """
    data = decode_state(file.read_bytes())
    older = isinstance(data, dict) and _LOG not in data
    expected = {name: type for name, type in _TYPES.items() if not older or name != _LOG}
    if not isinstance(data, dict) or {name: type(value) for name, value in data.items()} != expected:
        raise CorruptSnapshot(f"{file} does not contain a snapshot")
    named = data.pop(_LOG, None)
    snapshot = Snapshot(**data)  # type: ignore[arg-type] # its types were just compared
    check_snapshot(snapshot)
    if not 0 < snapshot.position <= storage.head():
        raise CorruptSnapshot(
            f"{file} is a snapshot at position {snapshot.position}, but the log ends at position {storage.head()}"
        )
    if older and erasure.tombstones(storage):
        raise CorruptSnapshot(
            f"{file} was exported by an older release and does not say which log it belongs to: it could contain a "
            "unit that was erased from this one. Export the snapshot again"
        )
    if not older and named != log_digest(storage, snapshot.position):
        raise CorruptSnapshot(
            f"{file} does not belong to this log as it is now: a unit in it was erased since, or it comes from another "
            "store. Take a new snapshot"
        )
    storage.save_snapshot(snapshot)
    return snapshot.position


def log_digest(storage: Storage, position: int) -> str:
    """The hex digest (BLAKE2b) of a log up to a position: of its seed, and of the checksum of every fact.

    Erasing a fact changes its checksum, so the digest tells whether anything up to there was erased since. It reveals
    neither ids nor their number; whoever can guess the whole log up to there can confirm the guess.
    """
    digest = blake2b(storage.settings().get("seed", b""), digest_size=16)
    for checksum in storage.checksums(position):
        digest.update(checksum)
    return digest.hexdigest()

"""Facts and snapshots in SQL: the log of Croupier, with checksums that detect damage."""

from croupier_storage.base import Storage
from croupier_storage.encoding.canonical import State
from croupier_storage.encoding.codec import decode_hashed, decode_state, encode_state, hash_state
from croupier_storage.encoding.references import encode_references, references
from croupier_storage.errors import (
    CorruptSnapshot,
    CorruptStore,
    InvalidFact,
    PositionTaken,
    SchemaMismatch,
    StorageError,
    StoreInUse,
    StoreUnavailable,
)
from croupier_storage.facts import Fact, Kind, PolicyRecord, Snapshot, SnapshotInfo, decision_fact, reward_fact
from croupier_storage.opening import open_storage

__all__ = [
    "CorruptSnapshot",
    "CorruptStore",
    "Fact",
    "InvalidFact",
    "Kind",
    "PolicyRecord",
    "PositionTaken",
    "SchemaMismatch",
    "Snapshot",
    "SnapshotInfo",
    "State",
    "Storage",
    "StorageError",
    "StoreInUse",
    "StoreUnavailable",
    "decision_fact",
    "decode_hashed",
    "decode_state",
    "encode_references",
    "encode_state",
    "hash_state",
    "open_storage",
    "references",
    "reward_fact",
]

"""What can go wrong with a store. Every message says what is wrong, what harm it would do, and what to do instead."""

from __future__ import annotations


class StorageError(Exception):
    """The root of this package's errors."""


class StoreUnavailable(StorageError):
    """The database could not be reached, is read-only, locked by a foreigner or full; nothing of the call was kept."""


class StoreInUse(StorageError):
    """Another process holds the store's exclusive lease."""


class PositionTaken(StorageError):
    """Someone else has written since the caller last read the head; read on from there and number the facts anew."""


class InvalidFact(StorageError, ValueError):
    """A value that no back end could hold and give back unchanged; nothing of the call was kept."""


class SchemaMismatch(StorageError):
    """The store was written by a newer or unknown schema."""


class CorruptStore(StorageError):
    """What the store holds cannot have been written by this library."""


class CorruptSnapshot(CorruptStore):
    """A snapshot's bytes are damaged, forged, or too large to be believed."""

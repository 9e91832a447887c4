"""Every error this library raises on purpose, as one tree under `CroupierError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import croupier_storage as storage


class CroupierError(Exception):
    """The root: `except CroupierError` catches whatever Croupier refuses or could not do."""


class InputError(CroupierError, ValueError):
    """An argument cannot be what was meant; nothing was logged and nothing learned."""


class UnknownDecision(CroupierError, LookupError):
    """No decision of this id is in the log."""


class Conflict(CroupierError, ValueError):
    """An id or key is in the log already, with other content."""


class NotNow(CroupierError):
    """The decision is not in a state in which this can be said of it."""


class ConfigurationDiffers(CroupierError):
    """The store was written under another seed, reward range, policy or learner."""


class PolicyFailed(CroupierError):
    """A policy or learner broke its contract; the message names the decision, which was not made."""


class EngineClosed(CroupierError):
    """The engine was closed before the call."""


class EvidenceError(CroupierError, ValueError):
    """The log cannot answer the question that was asked of it."""


class StoreError(CroupierError):
    """The store could not do its part; its own error is the `__cause__`."""


class StoreUnavailable(StoreError):
    """It cannot be reached, is read-only, locked or full."""


class StoreInUse(StoreError):
    """Another engine has it open."""


class SchemaMismatch(StoreError):
    """It was written by a newer release, or is no store of ours."""


class CorruptStore(StoreError):
    """It holds what cannot have been written by this library."""


class CorruptSnapshot(CorruptStore):
    """A snapshot is damaged or forged."""


_TREE: list[tuple[type[storage.StorageError], type[StoreError]]] = [
    (storage.StoreUnavailable, StoreUnavailable),
    (storage.StoreInUse, StoreInUse),
    (storage.SchemaMismatch, SchemaMismatch),
    (storage.CorruptSnapshot, CorruptSnapshot),
    (storage.CorruptStore, CorruptStore),
    (storage.StorageError, StoreError),
]


def as_ours(error: storage.StorageError) -> StoreError:
    """The error of this tree that says the same."""
    return next(ours for theirs, ours in _TREE if isinstance(error, theirs))(str(error))


@contextmanager
def storing() -> Iterator[None]:
    """The one seam at which a storage error becomes an error of this tree."""
    try:
        yield
    except storage.StorageError as error:
        raise as_ours(error) from error

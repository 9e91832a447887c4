"""Every error that this library raises on purpose, as one tree under `CroupierError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import croupier_storage as storage


class CroupierError(Exception):
    """The root: `except CroupierError` catches every error of this library."""


class CroupierWarning(UserWarning):
    """The root of the warnings of this library; each finding is warned of once per engine."""


class InputError(CroupierError, ValueError):
    """Invalid argument; nothing was logged and nothing was learned."""


class UnreadableFile(InputError):
    """A file cannot be read, or not as what it was given for; the message says what was found and what to give."""


class UnknownDecision(CroupierError, LookupError):
    """No decision of this id is in the log."""


class Conflict(CroupierError, ValueError):
    """The id or key is already in the log with different content."""


class StateError(CroupierError):
    """The call does not fit the present state of a decision, of the experiment or of the store."""


class DecisionDeferred(StateError):
    """The decision was deferred and has not been activated, so it has no reward yet."""


class DecisionNotDeferred(StateError):
    """The decision does not wait for activation: it was not deferred, is active already, or its window has closed."""


class DecisionRewarded(StateError):
    """The decision has a reward already, or another action has been recorded for it."""


class DecisionNotRewarded(StateError):
    """The decision has no reward or default that could be corrected or retracted."""


class ExperimentRunning(StateError):
    """An experiment is running, and a unit is in one at a time."""


class NoExperiment(StateError):
    """No experiment is running."""


class NoPromotion(StateError):
    """The log has no promotion to roll back."""


class NoFeatures(StateError):
    """The store was opened without features of its units."""


class ConfigurationDiffers(CroupierError):
    """The store was written under another seed, reward range, policy or learner."""


class PolicyFailed(CroupierError):
    """A policy or learner broke its contract; the message names the decision and what to do."""


class EngineClosed(CroupierError):
    """The engine was closed before the call."""


class WrongProcess(CroupierError):
    """The engine was opened by another process, of which this one is a fork."""


class EvidenceError(CroupierError, ValueError):
    """The log does not contain the evidence that was asked for."""


class StoreError(CroupierError):
    """A store operation failed; the underlying error is the `__cause__`."""


class StoreUnavailable(StoreError):
    """The store cannot be reached, or is read-only, locked or full."""


class StoreInUse(StoreError):
    """Another engine has the store open."""


class SchemaMismatch(StoreError):
    """The store was written by a newer release, or is not a Croupier store."""


class CorruptStore(StoreError):
    """The store contains data that this library cannot have written."""


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
    """The corresponding error of this tree."""
    return next(ours for theirs, ours in _TREE if isinstance(error, theirs))(str(error))


@contextmanager
def storing() -> Iterator[None]:
    """Translate storage errors to errors of this tree; the only place where that happens."""
    try:
        yield
    except storage.StorageError as error:
        raise as_ours(error) from error

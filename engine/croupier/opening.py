"""Opening a store: configuration checked, state restored from the newest good snapshot and the facts behind it."""

from __future__ import annotations

import secrets
import warnings
from typing import NamedTuple, cast

from croupier.configuration import Configuration, described, digest
from croupier.errors import storing
from croupier.fold import Fold, Log
from croupier_policies import Learner, Policy, State
from croupier_storage import CorruptSnapshot, PolicyRecord, Snapshot, Storage, decode_state, hash_state


class ReplayWarning(UserWarning):
    """State had to be rebuilt from the log because no snapshot could give it back."""


class Opened(NamedTuple):
    """What the engine starts from."""

    configuration: Configuration
    fold: Fold
    log: Log
    record: PolicyRecord


def configure(
    storage: Storage, policy: Policy, learner: Learner | None, seed: int | None, reward_range: tuple[float, float]
) -> Configuration:
    """The store's configuration, written if the store is new and held against these arguments if not.

    Without a seed the store's own is taken; a new store gets one from the system's randomness.
    """
    settings = storage.settings()
    born = "seed" in settings
    if seed is None:
        seed = Configuration.stored(settings).seed if born else secrets.randbits(63)
    low, high = reward_range
    asked = Configuration(seed, (float(low), float(high)), described(policy), described(learner))
    if born:
        asked.check(Configuration.stored(settings))
    else:
        storage.save_settings(asked.settings())
    return asked


def restore(
    storage: Storage, policy: Policy, learner: Learner | None, seed: int | None, reward_range: tuple[float, float]
) -> Opened:
    """Configuration, state and log of a store."""
    with storing():
        configuration = configure(storage, policy, learner, seed, reward_range)
        log = Log(storage)
        fold = newest(log, policy, learner, configuration)
        fold.run(log)
        return Opened(configuration, fold, log, _record(storage, policy))


def newest(log: Log, policy: Policy, learner: Learner | None, configuration: Configuration) -> Fold:
    """A fold at the newest snapshot that is whole, or at the beginning."""
    fold = Fold(policy.fresh(), learner.fresh() if learner is not None else None, configuration)
    stored = log.storage.snapshots()
    if stored and not (fold.policy.storable and (fold.learner is None or fold.learner.storable)):
        warnings.warn(
            "the policy or learner cannot be kept in snapshots; its state is rebuilt from the whole log",
            ReplayWarning,
            4,
        )
        return fold
    for position, *_ in reversed(stored):
        try:
            _restore_at(log.storage, position, fold)
        except CorruptSnapshot as error:
            warnings.warn(f"snapshot {position} is passed over for the one before: {error}", ReplayWarning, 4)
        else:
            break
    return fold


def _restore_at(storage: Storage, position: int, fold: Fold) -> None:
    snapshot = storage.snapshot(position)
    if snapshot is None:
        raise CorruptSnapshot(f"snapshot {position} is gone")
    state = verified(snapshot)
    try:
        fold.restore(state, position)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CorruptSnapshot(f"it does not hold the state of this policy and learner: {error!r}") from error


def verified(snapshot: Snapshot) -> State:
    """The state of a snapshot, its hash checked. Raises CorruptSnapshot."""
    state = decode_state(snapshot.body)
    if hash_state(state) != snapshot.hash:
        raise CorruptSnapshot("its state does not have the hash that was written beside it")
    return cast("State", state)


def _record(storage: Storage, policy: Policy) -> PolicyRecord:
    """The record that decisions of this policy, in this arithmetic, refer to; added if there is none."""
    records = storage.policies()
    body = described(policy)
    for record in records:
        if record.config == body and record.arithmetic == policy.arithmetic:
            return record
    record = PolicyRecord(len(records) + 1, policy.name, body, digest(body), policy.arithmetic)
    storage.save_policy(record)
    return record

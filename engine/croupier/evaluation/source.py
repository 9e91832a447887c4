"""A store opened to be evaluated: read only, its policy and learner rebuilt untaught."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from croupier.configuration import Configuration
from croupier.errors import EvidenceError, storing
from croupier.fold import Log
from croupier.opening import verified
from croupier.verify import stored_parts
from croupier_policies import Learner, Policy, RiverLearner
from croupier_storage import CorruptSnapshot, open_storage


@dataclass(frozen=True, eq=False)
class Source:
    """The log, what it was written under, and where it ended when it was opened.

    Attributes:
        log: The decoded facts.
        configuration: Seed, reward range, policy and learner of the store.
        policy: The logging policy, untaught.
        learner: The reward model whose predictions serve as q̂, untaught.
        head: The last position that is looked at.
    """

    log: Log
    configuration: Configuration
    policy: Policy
    learner: Learner
    head: int

    def snapshot_positions(self) -> list[int]:
        """Where the store has snapshots, in order."""
        return [position for position, *_ in self.log.storage.snapshots()]

    def policy_at(self, position: int) -> Policy:
        """The logging policy as the snapshot at this position has it.

        Raises:
            EvidenceError: There is no such snapshot, or it cannot be read.
        """
        try:
            snapshot = self.log.storage.snapshot(position)
            if snapshot is None:
                kept = ", ".join(map(str, self.snapshot_positions())) or "none"
                raise EvidenceError(f"the store has no snapshot at position {position}; it has: {kept}")
            return _taught(self.policy, verified(snapshot))
        except CorruptSnapshot as error:
            raise EvidenceError(f"the snapshot at position {position} is damaged ({error}); choose another") from error


def _taught(policy: Policy, state: dict[str, object]) -> Policy:
    taught = policy.fresh()
    try:
        taught.restore(state["policy"])  # type: ignore[arg-type]  # checked by restoring
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CorruptSnapshot(f"it does not hold the state of the store's policy: {error!r}") from error
    return taught


@contextmanager
def opened(url: str, policy: Policy | None = None, learner: Learner | None = None) -> Iterator[Source]:
    """The store at a URL, read only, for as long as the block lasts.

    Args:
        url: Of the store.
        policy: The store's policy, where it is none of Croupier's own.
        learner: The reward model for q̂; by default the store's, or a `RiverLearner` where the store has none.

    Raises:
        EvidenceError: The store is empty, or its policy is not known here and was not given.
        StoreError: The store cannot be read.
    """
    with storing(), open_storage(url, create=False, read_only=True) as storage:
        settings, head = storage.settings(), storage.head()
        if "seed" not in settings or not head:
            raise EvidenceError(f"{url} holds no decisions yet; let an engine log some first")
        configuration = Configuration.stored(settings)
        policy, learner = stored_parts(configuration, policy, learner)
        yield Source(
            Log(storage), configuration, policy, learner or RiverLearner.for_range(configuration.reward_range), head
        )

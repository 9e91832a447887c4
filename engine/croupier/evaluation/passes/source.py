"""A store opened to be evaluated: read only, its policy and learner rebuilt untaught."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from croupier.errors import EvidenceError, storing
from croupier.log.configuration import Configuration
from croupier.log.reader import Log
from croupier.log.rewards import RewardState
from croupier.state.components import ObjectPool
from croupier.state.fold import Fold
from croupier.state.snapshots import restore_at
from croupier_policies import Learner, Policy
from croupier_storage import CorruptSnapshot, Fact, open_storage


@dataclass(frozen=True, eq=False)
class Source:
    """The log, what it was written under, and where it ended when it was opened.

    Attributes:
        log: The decoded facts.
        configuration: Seed, reward range, policy and learner of the store.
        given: Policy and learner objects for what the log names and cannot build.
        learner: The reward model for q̂, where it is not to be the store's.
        head: The last position that is looked at.
    """

    log: Log
    configuration: Configuration
    given: ObjectPool
    learner: Learner | None
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
            if position not in self.snapshot_positions():
                kept = ", ".join(map(str, self.snapshot_positions())) or "none"
                raise EvidenceError(f"the store has no snapshot at position {position}; it has: {kept}")
            fold = Fold(self.given, self.configuration, self.log)
            restore_at(self.log.storage, position, fold)
            return fold.components.policy
        except CorruptSnapshot as error:
            raise EvidenceError(f"the snapshot at position {position} is damaged ({error}); choose another") from error


@contextmanager
def opened(
    url: str, policy: Policy | None = None, learner: Learner | None = None, policies: Collection[Policy] = ()
) -> Iterator[Source]:
    """The store at a URL, read only, for as long as the block lasts.

    Args:
        url: Of the store.
        policy: The store's policy, where it is none of Croupier's own.
        learner: The reward model for q̂; by default the store's, or a `RiverLearner` where the store has none.
        policies: Of variants of experiments in the log, where they are none of Croupier's own.

    Raises:
        EvidenceError: The store is empty, or its policy is not known here and was not given.
        StoreError: The store cannot be read.
    """
    with storing(), open_storage(url, create=False, read_only=True) as storage:
        settings, head = storage.settings(), storage.head()
        if "seed" not in settings or not head:
            raise EvidenceError(f"{url} holds no decisions yet; let an engine log some first")
        configuration = Configuration.stored(settings)
        yield Source(Log(storage), configuration, ObjectPool(policy, learner, tuple(policies)), learner, head)


def told(source: Source, decisions: Sequence[Fact]) -> list[RewardState]:
    """The story of each decision up to the head of the log."""
    found = {fact.position: RewardState.of(fact) for fact in decisions}
    for about in source.log.storage.facts_about(*found):
        if about.decision is not None and about.position <= source.head:
            found[about.decision].apply(about, source.configuration.rewards)
    return list(found.values())

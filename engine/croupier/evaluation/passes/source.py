"""A store opened read-only for evaluation, with its policy and learner rebuilt in their initial state."""

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
    """A log, its configuration, and its head at the time it was opened.

    Attributes:
        log: The decoded facts.
        configuration: Seed, reward range, policy and learner of the store.
        objects: The caller's policies and learner, for what the log names and the registry cannot build.
        learner: The reward model for q̂; None for the store's own.
        head: The last position that is read.
    """

    log: Log
    configuration: Configuration
    objects: ObjectPool
    learner: Learner | None
    head: int

    def snapshot_positions(self) -> list[int]:
        """The positions of the store's snapshots, in order."""
        return [position for position, *_ in self.log.storage.snapshots()]

    def policy_at(self, position: int) -> Policy:
        """The logging policy in the snapshot at this position.

        Raises:
            EvidenceError: There is no such snapshot, or it cannot be read.
        """
        try:
            if position not in self.snapshot_positions():
                kept = ", ".join(map(str, self.snapshot_positions())) or "none"
                raise EvidenceError(f"the store has no snapshot at position {position}; it has: {kept}")
            fold = Fold(self.objects, self.configuration, self.log)
            restore_at(self.log.storage, position, fold)
            return fold.components.policy
        except CorruptSnapshot as error:
            raise EvidenceError(f"the snapshot at position {position} is damaged ({error}); choose another") from error


@contextmanager
def open_source(
    url: str, policy: Policy | None = None, learner: Learner | None = None, policies: Collection[Policy] = ()
) -> Iterator[Source]:
    """Open the store at a URL read-only for the duration of the block.

    Args:
        url: The URL of the store.
        policy: The store's policy, where it is not one of Croupier's own.
        learner: The reward model for q̂; by default the store's, or a `RiverLearner` where the store has none.
        policies: The policies of experiment variants in the log that are not Croupier's own.

    Raises:
        EvidenceError: The store holds no decisions, or its policy is unknown and was not given.
        StoreError: The store cannot be read.
    """
    with storing(), open_storage(url, create=False, read_only=True) as storage:
        settings, head = storage.settings(), storage.head()
        if "seed" not in settings or not head:
            raise EvidenceError(
                f"{url} holds no decisions yet, so there is nothing to evaluate; log decisions with an engine first"
            )
        configuration = Configuration.from_settings(settings)
        yield Source(Log(storage), configuration, ObjectPool(policy, learner, tuple(policies)), learner, head)


def load_reward_states(source: Source, decisions: Sequence[Fact]) -> list[RewardState]:
    """The reward state of each decision at the head of the log."""
    found = {fact.position: RewardState.from_decision(fact) for fact in decisions}
    for about in source.log.storage.facts_about(*found):
        if about.decision is not None and about.position <= source.head:
            found[about.decision].apply(about, source.configuration.rewards)
    return list(found.values())

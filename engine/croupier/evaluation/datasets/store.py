"""The decisions of a store as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from croupier.evaluation.datasets.base import Batch, Dataset, Round
from croupier.evaluation.datasets.rounds import actions_as_json, as_json
from croupier.evaluation.passes.source import Source, load_reward_states, open_source
from croupier.evaluation.passes.status import USABLE, status
from croupier.log.reader import DecodedDecision, batches
from croupier.log.rewards import RewardState
from croupier.state.fold import Fold
from croupier_policies import Vector
from croupier_storage import Fact

ROWS = 1 << 13  # read at once; contexts are held in memory


class StoredDecision(NamedTuple):
    """A decision, its reward state, and the logging policy's probability of each candidate, where it was requested."""

    fact: Fact
    decision: DecodedDecision
    reward_state: RewardState
    logged: Vector | None


class StoreRows(Dataset):
    """All decisions of a store, with the current status of their rewards, and the reward where it is usable.

    Further columns are the id and the position of the decision, and its context and candidates as JSON, `context_json`
    and `actions_json`. The columns do not hold when each reward arrived; `evaluate` on the store itself uses that.

    Args:
        url: The URL of the store.
        distributions: Also recompute the logging policy's probability of every candidate, by folding the log; the rows
            are then in the order of the fold, as in `evaluate`.
    """

    def __init__(self, url: str, distributions: bool = False) -> None:
        super().__init__(url)
        self.url, self.distributions = url, distributions

    def read(self) -> Iterator[Batch]:
        """The rows, in order of position."""
        with open_source(self.url) as source:
            for decisions in self._replayed(source) if self.distributions else _read_decisions(source):
                yield _to_batch(decisions, source)

    def _replayed(self, source: Source) -> Iterator[list[StoredDecision]]:
        """The decisions in the order of a fold."""
        fold = Fold(source.objects, source.configuration, source.log)
        visited: list[tuple[Fact, DecodedDecision, Vector]] = []

        def visit(fact: Fact, decision: DecodedDecision) -> None:
            policy = fold.policy_for(decision.role)
            visited.append((fact, decision, policy.probabilities(decision.context, decision.actions)))

        for upto in [*range(ROWS, source.head, ROWS), source.head]:
            fold.run(upto, visit)
            if visited:
                reward_states = load_reward_states(source, [fact for fact, *_ in visited])
                yield [
                    StoredDecision(*each[:2], reward_state, each[2])
                    for each, reward_state in zip(visited, reward_states, strict=True)
                ]
                visited.clear()


def _read_decisions(source: Source) -> Iterator[list[StoredDecision]]:
    """The decisions in the order of the log."""
    log = source.log
    for batch in batches(log.reward_states(source.head, source.configuration.rewards), ROWS):
        decoded = log.decoded(fact for fact, _ in batch)
        yield [
            StoredDecision(fact, decision, reward_state, None)
            for (fact, decision), (_, reward_state) in zip(decoded, batch, strict=True)
        ]


def _to_batch(decisions: Sequence[StoredDecision], source: Source) -> Batch:
    rule = source.configuration.rewards
    statuses = [status(each.reward_state, rule) for each in decisions]
    rewards = [
        each.reward_state.effective(rule) if found in USABLE else np.nan
        for each, found in zip(decisions, statuses, strict=True)
    ]
    facts = [each.fact for each in decisions]
    sets = {each.fact.actions: actions_as_json(each.decision.actions) for each in decisions}
    others = {
        "id": np.array([fact.id for fact in facts], dtype=np.str_),
        "position": np.array([fact.position for fact in facts], dtype=np.int64),
        "context_json": np.array([as_json(each.decision.context) for each in decisions], dtype=object),
        "actions_json": np.array([sets[fact.actions] for fact in facts], dtype=object),
    }
    rounds = [Round(each.decision, each.logged) for each in decisions]
    return Batch(
        reward=np.array(rewards, dtype=np.float64),
        propensity=np.array([each.decision.propensity for each in decisions]),
        action=np.array([fact.action for fact in facts], dtype=np.str_),
        candidates=np.array([len(each.decision.actions) for each in decisions], dtype=np.float64),
        at=np.array([fact.at for fact in facts]),
        status=np.array([each.value for each in statuses], dtype=np.str_),
        rounds=lambda: iter(rounds),
        others=others,
    )

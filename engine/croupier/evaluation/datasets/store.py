"""A store's decisions as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from croupier.evaluation.datasets.base import Batch, Dataset, Round
from croupier.evaluation.datasets.rounds import actions_as_json, as_json
from croupier.evaluation.passes.source import Source, opened, told
from croupier.evaluation.passes.status import COUNTED, status
from croupier.log.reader import DecodedDecision, batches
from croupier.log.rewards import RewardState
from croupier.state.fold import Fold
from croupier_policies import Vector
from croupier_storage import Fact

ROWS = 1 << 13  # at a time: contexts are held as they are


class Known(NamedTuple):
    """A decision, its story, and the logging policy's probability of each candidate, where it was asked for."""

    fact: Fact
    decided: DecodedDecision
    reward_state: RewardState
    logged: Vector | None


class StoreRows(Dataset):
    """All decisions of a store, with what became of each by now, and the reward where one counts.

    Contexts and candidates are among the columns as JSON, `context_json` and `actions_json`; so are the decision's id
    and position. `evaluate` on the store itself knows more: when each reward came.

    Args:
        url: Of the store.
        distributions: Also recompute the logging policy's probability of every candidate, by folding the log; the rows
            then come in the order in which their states were reached, as `evaluate` takes them.
    """

    def __init__(self, url: str, distributions: bool = False) -> None:
        super().__init__(url)
        self.url, self.distributions = url, distributions

    def read(self) -> Iterator[Batch]:
        """The rows, in order of position."""
        with opened(self.url) as source:
            for known in self._folded(source) if self.distributions else _stored(source):
                yield _batch(known, source)

    def _folded(self, source: Source) -> Iterator[list[Known]]:
        """The decisions as a fold comes upon them."""
        fold, seen = Fold(source.given, source.configuration, source.log), list[tuple[Fact, DecodedDecision, Vector]]()

        def visit(fact: Fact, decided: DecodedDecision) -> None:
            policy = fold.policy_for(decided.role)
            seen.append((fact, decided, policy.probabilities(decided.context, decided.actions)))

        for upto in [*range(ROWS, source.head, ROWS), source.head]:
            fold.run(upto, visit)
            if seen:
                reward_states = told(source, [fact for fact, *_ in seen])
                yield [
                    Known(*each[:2], reward_state, each[2])
                    for each, reward_state in zip(seen, reward_states, strict=True)
                ]
                seen.clear()


def _stored(source: Source) -> Iterator[list[Known]]:
    """The decisions as they stand in the log."""
    log = source.log
    for batch in batches(log.reward_states(source.head, source.configuration.rewards), ROWS):
        decoded = log.decoded(fact for fact, _ in batch)
        yield [
            Known(fact, decided, reward_state, None)
            for (fact, decided), (_, reward_state) in zip(decoded, batch, strict=True)
        ]


def _batch(known: Sequence[Known], source: Source) -> Batch:
    rule = source.configuration.rewards
    statuses = [status(each.reward_state, rule) for each in known]
    rewards = [
        each.reward_state.effective(rule) if found in COUNTED else np.nan
        for each, found in zip(known, statuses, strict=True)
    ]
    facts = [each.fact for each in known]
    sets = {each.fact.actions: actions_as_json(each.decided.actions) for each in known}
    others = {
        "id": np.array([fact.id for fact in facts], dtype=np.str_),
        "position": np.array([fact.position for fact in facts], dtype=np.int64),
        "context_json": np.array([as_json(each.decided.context) for each in known], dtype=object),
        "actions_json": np.array([sets[fact.actions] for fact in facts], dtype=object),
    }
    rounds = [Round(each.decided, each.logged) for each in known]
    return Batch(
        reward=np.array(rewards, dtype=np.float64),
        propensity=np.array([each.decided.propensity for each in known]),
        action=np.array([fact.action for fact in facts], dtype=np.str_),
        candidates=np.array([len(each.decided.actions) for each in known], dtype=np.float64),
        at=np.array([fact.at for fact in facts]),
        status=np.array([each.value for each in statuses], dtype=np.str_),
        rounds=lambda: iter(rounds),
        others=others,
    )

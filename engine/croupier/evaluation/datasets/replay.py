"""Replays a data set, decision by decision, for policies and a reward model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, PolicyFailed
from croupier.evaluation.datasets.base import Batch, Mask, UnreadableRound
from croupier.evaluation.estimators.moments import Matrix
from croupier.evaluation.evidence.measures import DecisionMeasures, measure
from croupier.evaluation.intervals import LogBounds
from croupier.evaluation.passes.targets import Target
from croupier.log.reader import DecodedDecision
from croupier_policies import Learner, Vector
from croupier_policies.exploration.sampling import check_distribution


class ReplayedBatch(NamedTuple):
    """The measures of a replayed batch.

    Attributes:
        q: q̂ of the logged action, in units of reward, shape (n,).
        targets: By target and row w, v̂, the probability outside the support and Σ π²/p, shape (targets, n, 4).
        pairs: By pair and row the expectations of |w₁ − w₂| and of its square, shape (pairs, n, 2).
        max_probability: By target its largest probability so far, shape (targets,).
        unreadable: By reason, the rows whose context or candidates cannot be read, which have no measures, and what is
            wrong in each.
    """

    q: Vector
    targets: Matrix
    pairs: Matrix
    max_probability: Vector
    unreadable: Mapping[str, tuple[Mask, NDArray[Any]]] = MappingProxyType({})


class Replay:
    """Evaluates targets at every decision, and trains them on its reward before the next one.

    A data set does not say when a reward arrived, so each is learned at once. Only usable rewards are learned.

    Args:
        targets: In their state at the beginning of the log.
        learner: The reward model for q̂; None for none.
        bounds: The bounds of rewards.
        pairs: The pairs of targets to compare.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        learner: Learner | None,
        bounds: LogBounds,
        pairs: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.targets, self.learner, self.bounds, self.pairs = targets, learner, bounds, pairs
        self._max_probability: Vector = np.zeros(len(targets))

    @property
    def needed(self) -> bool:
        """Whether any target or the reward model needs single decisions."""
        return bool(self.targets) or self.learner is not None

    def batch(self, batch: Batch) -> ReplayedBatch:
        """Replay a batch.

        Raises:
            EvidenceError: The log has no contexts and candidates.
            PolicyFailed: A target did not return a probability distribution.
        """
        if not self.needed:
            none = np.empty((0, len(batch), 4))
            return ReplayedBatch(np.full(len(batch), self.bounds.low), none, none[:, :, :2], self._max_probability)
        if batch.rounds is None:
            raise EvidenceError(
                "the log has no contexts and candidates, so no policy can be evaluated and no reward model can learn; "
                "name features and candidates (features=…, actions=…), or use ips or snips with column:P targets"
            )
        rewards, found, q = self._scaled(batch.reward), list[DecisionMeasures](), list[float]()
        unreadable: dict[str, tuple[Mask, NDArray[Any]]] = {}
        for row, (round, reward) in enumerate(zip(batch.rounds(), rewards.tolist(), strict=True)):
            if isinstance(round, UnreadableRound):
                new = np.zeros(len(batch), dtype=bool), np.empty(len(batch), dtype=object)
                mask, details = unreadable.setdefault(round.reason, new)
                mask[row], details[row] = True, round.detail
                continue
            estimates = self._estimates(round.decision)
            found.append(self._visit(round.decision, round.logged, estimates))
            q.append(float(estimates[round.decision.drawn]))
            self._learn(round.decision, reward)
        n = len(found)
        return ReplayedBatch(
            np.array(q),
            np.array([each.targets for each in found]).reshape(n, len(self.targets), 4).transpose(1, 0, 2),
            np.array([each.pairs for each in found]).reshape(n, len(self.pairs), 2).transpose(1, 0, 2),
            self._max_probability.copy(),
            unreadable,
        )

    def _visit(self, decision: DecodedDecision, logged: Vector | None, estimates: Vector) -> DecisionMeasures:
        k = len(decision.actions)
        known = np.full(k, np.nan) if logged is None else logged
        vectors = [_vector(each.probabilities(decision, known), k, each.label) for each in self.targets]
        table = np.array(vectors).reshape(len(vectors), k)
        self._max_probability = np.maximum(self._max_probability, table.max(axis=1, initial=0.0))
        return measure(table, logged, estimates, decision.drawn, decision.propensity, self.pairs)

    def _estimates(self, decision: DecodedDecision) -> Vector:
        low, high, *_ = self.bounds
        if self.learner is None:
            return np.full(len(decision.actions), low)
        return low + (high - low) * np.clip(self.learner.predict(decision.context, decision.actions), 0.0, 1.0)

    def _scaled(self, reward: Vector) -> Vector:
        return (reward - self.bounds.low) / (self.bounds.high - self.bounds.low)

    def _learn(self, decision: DecodedDecision, reward: float) -> None:
        for target in self.targets:
            target.learn(decision, reward)
        if self.learner is not None:
            self.learner.learn(decision.context, decision.actions, decision.drawn, reward, decision.propensity)


def _vector(probabilities: Vector, k: int, label: str) -> Vector:
    try:
        return check_distribution(probabilities, k)
    except ValueError as error:
        raise PolicyFailed(f"{label}: {error}") from error

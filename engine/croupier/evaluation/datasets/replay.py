"""Policies and a reward model that go along a log from elsewhere, decision by decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from croupier.errors import EvidenceError, PolicyFailed
from croupier.evaluation.datasets.base import Batch
from croupier.evaluation.estimators.moments import Matrix
from croupier.evaluation.evidence.measures import Measured, measured
from croupier.evaluation.intervals import Setting
from croupier.evaluation.passes.targets import Target
from croupier.log.reader import DecodedDecision
from croupier_policies import Learner, Vector
from croupier_policies.exploration.sampling import check_distribution


class Replayed(NamedTuple):
    """A batch as the targets went through it.

    Attributes:
        q: q̂ of the logged action, in units of reward, shape (n,).
        targets: By target and row w, v̂, the probability outside the support and Σ π²/p, shape (targets, n, 4).
        pairs: By pair and row what |w₁ − w₂| and its square were expected to be, shape (pairs, n, 2).
        most: By target its largest probability so far, shape (targets,).
    """

    q: Vector
    targets: Matrix
    pairs: Matrix
    most: Vector


class Replay:
    """Targets that are shown every decision, and told its reward before the next one.

    A log from elsewhere does not say when a reward came, so each is learned at once. Only rewards that count are.

    Args:
        targets: At the beginning of the log.
        learner: The reward model for q̂; None for none.
        setting: The reward range.
        pairs: Which of the targets are to be compared.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        learner: Learner | None,
        setting: Setting,
        pairs: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.targets, self.learner, self.setting, self.pairs = targets, learner, setting, pairs
        self._most: Vector = np.zeros(len(targets))

    @property
    def needed(self) -> bool:
        """Whether anything looks at single decisions."""
        return bool(self.targets) or self.learner is not None

    def batch(self, batch: Batch) -> Replayed:
        """Go through a batch.

        Raises:
            EvidenceError: The log says nothing of contexts and candidates.
            PolicyFailed: A target gave no distribution.
        """
        if not self.needed:
            none = np.empty((0, len(batch), 4))
            return Replayed(np.full(len(batch), self.setting.low), none, none[:, :, :2], self._most)
        if batch.rounds is None:
            raise EvidenceError(
                "the log does not say in which contexts and among what was chosen: no policy can be shown it, and no "
                "reward model can learn along it; name features and candidates (features=…, actions=…), or take ips or "
                "snips of column:P targets"
            )
        rewards, found, q = self._scaled(batch.reward), list[Measured](), list[float]()
        for round, reward in zip(batch.rounds(), rewards.tolist(), strict=True):
            estimates = self._estimates(round.decided)
            found.append(self._visit(round.decided, round.logged, estimates))
            q.append(float(estimates[round.decided.drawn]))
            self._learn(round.decided, reward)
        n = len(found)
        return Replayed(
            np.array(q),
            np.array([each.targets for each in found]).reshape(n, len(self.targets), 4).transpose(1, 0, 2),
            np.array([each.pairs for each in found]).reshape(n, len(self.pairs), 2).transpose(1, 0, 2),
            self._most.copy(),
        )

    def _visit(self, decided: DecodedDecision, logged: Vector | None, estimates: Vector) -> Measured:
        k = len(decided.actions)
        known = np.full(k, np.nan) if logged is None else logged
        vectors = [_vector(each.probabilities(decided, known), k, each.label) for each in self.targets]
        table = np.array(vectors).reshape(len(vectors), k)
        self._most = np.maximum(self._most, table.max(axis=1, initial=0.0))
        return measured(table, logged, estimates, decided.drawn, decided.propensity, self.pairs)

    def _estimates(self, decided: DecodedDecision) -> Vector:
        low, high, *_ = self.setting
        if self.learner is None:
            return np.full(len(decided.actions), low)
        return low + (high - low) * np.clip(self.learner.predict(decided.context, decided.actions), 0.0, 1.0)

    def _scaled(self, reward: Vector) -> Vector:
        return (reward - self.setting.low) / (self.setting.high - self.setting.low)

    def _learn(self, decided: DecodedDecision, reward: float) -> None:
        for target in self.targets:
            target.learn(decided, reward)
        if self.learner is not None:
            self.learner.learn(decided.context, decided.actions, decided.drawn, reward, decided.propensity)


def _vector(probabilities: Vector, k: int, label: str) -> Vector:
    try:
        return check_distribution(probabilities, k)
    except ValueError as error:
        raise PolicyFailed(f"{label}: {error}") from error

"""What is noted at each decision of a log while it is folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, PolicyFailed
from croupier.evaluation.evidence.measures import Measured, measured
from croupier.evaluation.passes.rows import BATCH, EVERY, Counts, Progress, Rows, Sink
from croupier.evaluation.passes.source import Source, told
from croupier.evaluation.passes.status import status
from croupier.evaluation.passes.targets import Target
from croupier.log.configuration import described
from croupier.log.reader import DecodedDecision
from croupier.state.fold import Fold
from croupier.state.verify import ELSEWHERE
from croupier_policies import Learner, Policy, RiverLearner, Vector
from croupier_policies.exploration.sampling import check_distribution
from croupier_storage import Fact


class Seen(NamedTuple):
    """One decision as it was visited: q̂ of the logged action, its segment, and what was measured."""

    fact: Fact
    q: float
    segment: str
    measured: Measured


class Recorder:
    """Notes decisions, and gives their columns on when a batch is full."""

    def __init__(
        self,
        source: Source,
        targets: Sequence[Target],
        sink: Sink,
        progress: Progress,
        in_sample: bool,
        segment: str | None,
        pairs: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.source, self.targets, self.sink, self.progress = source, targets, sink, progress
        self.pairs = pairs
        self.fold = Fold(source.given, source.configuration, source.log, self.learned)
        self.own = _own_learner(source, self.fold)
        self.low, self.high = source.configuration.reward_range
        self.counts, self.statuses = [0] * 5, Counter[str]()
        self._upto = -1 if in_sample else max((target.learned_upto for target in targets), default=0)
        self._taught = max((target.learned_upto for target in targets), default=0)
        self._segment, self._batch = segment, list[Seen]()
        self._most: Vector = np.zeros(len(targets))
        self._floor: tuple[Policy | None, float | None] = (None, None)

    def learned(self, fact: Fact, decided: DecodedDecision, reward: float) -> None:
        """Teach the targets whatever the logging policy learned."""
        scaled = self.fold.configuration.scaled(reward)
        for target in self.targets:
            target.learn(decided, scaled)
        if self.own is not None:
            self.own.learn(decided.context, decided.actions, decided.drawn, scaled, decided.propensity)

    def visit(self, fact: Fact, decided: DecodedDecision) -> None:
        """Note one decision, at its `as_of`."""
        policy = self.fold.policy_for(decided.role)
        logged = _vector(policy.probabilities(decided.context, decided.actions), decided, fact, "its own policy")
        estimates = self._estimates(decided)
        self.counts[4] += not abs(logged[decided.drawn] - decided.propensity) <= ELSEWHERE
        vectors = [_vector(each.probabilities(decided, logged), decided, fact, each.label) for each in self.targets]
        table = np.array(vectors)
        self._most = np.maximum(self._most, table.max(axis=1) * table.shape[1])
        found = measured(table, logged, estimates, decided.drawn, decided.propensity, self.pairs)
        self._batch.append(Seen(fact, float(estimates[decided.drawn]), self._named(decided), found))
        self._tell(fact, policy)

    def _tell(self, fact: Fact, policy: Policy) -> None:
        self.counts[0] += 1
        if policy is not self._floor[0]:
            known = None if self._floor[0] is not None and self._floor[1] is None else floor(policy)
            self._floor = (policy, known if self._floor[1] is None else known and min(known, self._floor[1]))
        if self.counts[0] % EVERY == 0:
            self.progress(fact.position, self.source.head)
        if len(self._batch) == BATCH:
            self.flush()

    def _estimates(self, decided: DecodedDecision) -> Vector:
        """q̂ of every candidate, in units of reward; what a model puts outside their range is drawn to its end."""
        learner = cast(Learner, self.own or self.fold.components.learner)
        estimates = np.clip(learner.predict(decided.context, decided.actions), 0.0, 1.0)
        return self.low + (self.high - self.low) * estimates

    def _named(self, decided: DecodedDecision) -> str:
        context = decided.context
        if self._segment is None or isinstance(context, np.ndarray):
            return ""
        return str(context.get(self._segment, "none"))

    def flush(self) -> None:
        """Give on the rows that have a reward."""
        if not self._batch:
            return
        reward, at = self._rewards()
        rewarded = at > 0
        kept = rewarded & (at > self._upto)
        seen = rewarded & (at <= self._taught)
        for k, count in enumerate((kept.sum(), (~rewarded).sum(), seen.sum()), 1):
            self.counts[k] += int(count)
        self.sink(self._rows(reward, kept))
        self._batch = []

    def counted(self) -> Counts:
        """What became of all decisions so far."""
        decisions, rows, unrewarded, seen, unexplained = self.counts
        return Counts(decisions, rows, unrewarded, seen, unexplained, dict(self.statuses))

    def _rows(self, reward: Vector, kept: NDArray[np.bool_]) -> Rows:
        batch = [seen for seen, keep in zip(self._batch, kept, strict=True) if keep]
        reward = reward[kept]
        table = np.array([seen.measured.targets for seen in batch]).reshape(len(batch), len(self.targets), 4)
        w, v, outside, squares = (tuple(np.ascontiguousarray(table[:, :, j].T)) for j in range(4))
        told = np.array([seen.measured.pairs for seen in batch]).reshape(len(batch), len(self.pairs), 2)
        apart = {pair: (told[:, k, 0], told[:, k, 1]) for k, pair in enumerate(self.pairs)}
        q, at = (np.array(column, dtype=np.float64) for column in ([s.q for s in batch], [s.fact.at for s in batch]))
        weight = tuple(float(most) / self._floor[1] if self._floor[1] else None for most in self._most)
        segments = tuple(seen.segment for seen in batch) if self._segment is not None else ()
        scaled = (reward - self.low) / (self.high - self.low)
        return Rows(reward, scaled, q, at, segments, w, v, outside, weight, squares=squares, apart=apart)

    def _rewards(self) -> tuple[Vector, NDArray[np.int64]]:
        """For each decision its outcome, and since when there is one; 0 where there is none. Shape (n,) each.

        The outcome is the effective one, as a rebase would learn it: late rewards in place, corrections made.
        """
        rule = self.source.configuration.rewards
        reward_states = told(self.source, [seen.fact for seen in self._batch])
        self.statuses.update(status(reward_state, rule).value for reward_state in reward_states)
        outcomes = [reward_state.effective(rule) for reward_state in reward_states]
        at = [
            0 if outcome is None else reward_state.answered or seen.fact.position
            for seen, reward_state, outcome in zip(self._batch, reward_states, outcomes, strict=True)
        ]
        return np.array([outcome or 0.0 for outcome in outcomes]), np.array(at, dtype=np.int64)


def floor(policy: Policy) -> float | None:
    """The ε of which every candidate has at least ε/K; None where a policy declares none.

    >>> from croupier_policies import ConstantPolicy, SoftmaxPolicy, UniformPolicy
    >>> floor(SoftmaxPolicy(epsilon=0.1)), floor(UniformPolicy()), floor(ConstantPolicy(action="a"))
    (0.1, 1.0, None)
    """
    if policy.name == "uniform":
        return 1.0
    epsilon = policy.config().get("epsilon")
    return float(epsilon) if isinstance(epsilon, float | int) and epsilon > 0 else None


def _own_learner(source: Source, fold: Fold) -> Learner | None:
    """The reward model for q̂ that the store does not teach itself: other than its own, or one where it has none."""
    present = fold.components.learner
    if source.learner is not None and (present is None or described(source.learner) != described(present)):
        return source.learner.fresh()
    return RiverLearner.for_range(source.configuration.reward_range) if present is None else None


def _vector(probabilities: Vector, decided: DecodedDecision, fact: Fact, who: str) -> Vector:
    try:
        return check_distribution(probabilities, len(decided.actions))
    except ValueError as error:
        raise PolicyFailed(f"decision {fact.id} at position {fact.position}, {who}: {error}") from error


def observe(
    source: Source,
    targets: Sequence[Target],
    sink: Sink,
    progress: Progress | None = None,
    in_sample: bool = False,
    segment: str | None = None,
    pairs: Sequence[tuple[int, int]] = (),
) -> Counts:
    """Fold a log once, and note at each decision what the logging policy, the reward model and every target make of it.

    The fold is the engine's own, so all of them stand at the decision's `as_of`: no prediction has seen its own reward.
    No more than a batch of columns is held.

    Args:
        source: The store; read up to its head.
        targets: At the beginning of the log, as `resolve` gives them.
        sink: Called with each batch of rows.
        progress: Called with (position, head) now and then.
        in_sample: Keep the rows from whose rewards a target had learned beforehand.
        segment: A feature of the context by which rows are told apart.
        pairs: Which targets are to be compared.

    Raises:
        EvidenceError: Nothing is left to evaluate on.
        PolicyFailed: A policy gave no distribution; the message names decision and policy.
    """
    telling = progress or (lambda position, head: None)
    recorder = Recorder(source, targets, sink, telling, in_sample, segment, pairs)
    recorder.fold.run(source.head, recorder.visit)
    recorder.flush()
    counts = recorder.counted()
    if not counts.rows:
        raise EvidenceError(_nothing_left(counts, source))
    return counts


def _nothing_left(counts: Counts, source: Source) -> str:
    seen = ""
    if counts.seen:
        kept = ", ".join(map(str, source.snapshot_positions()))
        seen = (
            f" and a snapshot had learned from the rewards of {counts.seen:,}: log more decisions after it, evaluate "
            f"an earlier one (there are {kept}), a policy:NAME that learns along the log, or all the same, in_sample"
        )
    return (
        f"no row is left to evaluate on: of {counts.decisions:,} decisions {counts.unrewarded:,} have no reward that "
        f"counts{seen}"
    )

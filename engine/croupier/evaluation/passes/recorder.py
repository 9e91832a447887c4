"""Records the columns of each decision while the log is folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, PolicyFailed
from croupier.evaluation.evidence.measures import DecisionMeasures, measure
from croupier.evaluation.passes.rows import BATCH, PROGRESS_INTERVAL, Counts, Progress, Rows, Sink
from croupier.evaluation.passes.source import Source, load_reward_states
from croupier.evaluation.passes.status import status
from croupier.evaluation.passes.targets import Target
from croupier.log.configuration import describe
from croupier.log.reader import DecodedDecision
from croupier.log.segments import segment
from croupier.state.fold import Fold
from croupier.state.verify import TOLERANCE
from croupier_policies import Learner, Policy, RiverLearner, Vector
from croupier_policies.exploration.sampling import check_distribution
from croupier_storage import Fact


class VisitedDecision(NamedTuple):
    """A visited decision: q̂ of the logged action, its segment, and its measures."""

    fact: Fact
    q: float
    segment: str
    measures: DecisionMeasures


class Recorder:
    """Records decisions, and passes their columns to the sink in batches."""

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
        self.fold = Fold(source.objects, source.configuration, source.log, self.on_reward)
        self.separate_learner = _separate_learner(source, self.fold)
        self.low, self.high = source.configuration.reward_range
        self._counts, self.statuses = [0] * 5, Counter[str]()
        self._cutoff = -1 if in_sample else max((target.learned_upto for target in targets), default=0)
        self._learned_upto = max((target.learned_upto for target in targets), default=0)
        self._segment, self._batch = segment, list[VisitedDecision]()
        self._features: set[str] = set()
        self._max_probability: Vector = np.zeros(len(targets))
        self._floor: tuple[Policy | None, float | None] = (None, None)

    def on_reward(self, fact: Fact, decision: DecodedDecision, reward: float) -> None:
        """Train the targets, and a separate reward model, on a reward that the logging policy learned."""
        scaled = self.fold.configuration.scale(reward)
        for target in self.targets:
            target.learn(decision, scaled)
        if self.separate_learner is not None:
            self.separate_learner.learn(decision.context, decision.actions, decision.drawn, scaled, decision.propensity)

    def visit(self, fact: Fact, decision: DecodedDecision) -> None:
        """Record one decision, at its `as_of`."""
        policy = self.fold.policy_for(decision.role)
        logged = _vector(policy.probabilities(decision.context, decision.actions), decision, fact, "its own policy")
        estimates = self._estimates(decision)
        self._counts[4] += not abs(logged[decision.drawn] - decision.propensity) <= TOLERANCE
        vectors = [_vector(each.probabilities(decision, logged), decision, fact, each.label) for each in self.targets]
        table = np.array(vectors)
        self._max_probability = np.maximum(self._max_probability, table.max(axis=1) * table.shape[1])
        found = measure(table, logged, estimates, decision.drawn, decision.propensity, self.pairs)
        self._batch.append(
            VisitedDecision(fact, float(estimates[decision.drawn]), self._segment_value(decision), found)
        )
        self._advance(fact, policy)

    def _advance(self, fact: Fact, policy: Policy) -> None:
        self._counts[0] += 1
        if policy is not self._floor[0]:
            known = None if self._floor[0] is not None and self._floor[1] is None else floor(policy)
            self._floor = (policy, known if self._floor[1] is None else known and min(known, self._floor[1]))
        if self._counts[0] % PROGRESS_INTERVAL == 0:
            self.progress(fact.position, self.source.head)
        if len(self._batch) == BATCH:
            self.flush()

    def _estimates(self, decision: DecodedDecision) -> Vector:
        """q̂ of every candidate, in units of reward, clipped to the reward range."""
        learner = cast(Learner, self.separate_learner or self.fold.components.learner)
        estimates = np.clip(learner.predict(decision.context, decision.actions), 0.0, 1.0)
        return self.low + (self.high - self.low) * estimates

    def _segment_value(self, decision: DecodedDecision) -> str:
        context = decision.context
        if self._segment is None or isinstance(context, np.ndarray):
            return ""
        self._features.update(context)
        return segment(context, self._segment)

    def check_segment(self) -> None:
        """Raises EvidenceError where no context has the feature by which rows are segmented."""
        if self._segment is not None and self._counts[0] and self._segment not in self._features:
            known = ", ".join(map(repr, sorted(self._features)[:20])) or "none, as contexts are arrays or empty"
            raise EvidenceError(f"no context has the feature {self._segment!r}; there are {known}")

    def flush(self) -> None:
        """Pass the rows that have a reward to the sink."""
        if not self._batch:
            return
        reward, at = self._rewards()
        rewarded = at > 0
        kept = rewarded & (at > self._cutoff)
        in_sample = rewarded & (at <= self._learned_upto)
        for k, count in enumerate((kept.sum(), (~rewarded).sum(), in_sample.sum()), 1):
            self._counts[k] += int(count)
        self.sink(self._rows(reward, kept))
        self._batch = []

    def summary(self) -> Counts:
        """The counts of all decisions so far."""
        decisions, rows, unrewarded, in_sample, mismatches = self._counts
        return Counts(decisions, rows, unrewarded, in_sample, mismatches, dict(self.statuses))

    def _rows(self, reward: Vector, kept: NDArray[np.bool_]) -> Rows:
        batch = [visited for visited, is_kept in zip(self._batch, kept, strict=True) if is_kept]
        reward = reward[kept]
        table = np.array([visited.measures.targets for visited in batch]).reshape(len(batch), len(self.targets), 4)
        w, v, outside, squares = (tuple(np.ascontiguousarray(table[:, :, j].T)) for j in range(4))
        paired = np.array([visited.measures.pairs for visited in batch]).reshape(len(batch), len(self.pairs), 2)
        distances = {pair: (paired[:, k, 0], paired[:, k, 1]) for k, pair in enumerate(self.pairs)}
        q, at = (np.array(column, dtype=np.float64) for column in ([s.q for s in batch], [s.fact.at for s in batch]))
        floor = self._floor[1]
        max_weight = tuple(float(most) / floor if floor else None for most in self._max_probability)
        segments = tuple(visited.segment for visited in batch) if self._segment is not None else ()
        scaled = (reward - self.low) / (self.high - self.low)
        return Rows(
            reward,
            scaled,
            q,
            at,
            segments,
            w,
            v,
            outside,
            max_weight,
            expected_squares=squares,
            expected_distances=distances,
        )

    def _rewards(self) -> tuple[Vector, NDArray[np.int64]]:
        """The reward of each decision, and the position at which it was set, 0 without a reward; shape (n,) each.

        The reward is the effective one, as a rebase would learn it, with late rewards and corrections included.
        """
        rule = self.source.configuration.rewards
        reward_states = load_reward_states(self.source, [visited.fact for visited in self._batch])
        self.statuses.update(status(reward_state, rule).value for reward_state in reward_states)
        outcomes = [reward_state.effective(rule) for reward_state in reward_states]
        at = [
            0 if outcome is None else reward_state.first_reward or visited.fact.position
            for visited, reward_state, outcome in zip(self._batch, reward_states, outcomes, strict=True)
        ]
        return np.array([outcome or 0.0 for outcome in outcomes]), np.array(at, dtype=np.int64)


def floor(policy: Policy) -> float | None:
    """The ε with which every candidate has a probability of at least ε/K; None where the policy declares none.

    >>> from croupier_policies import ConstantPolicy, SoftmaxPolicy, UniformPolicy
    >>> floor(SoftmaxPolicy(epsilon=0.1)), floor(UniformPolicy()), floor(ConstantPolicy(action="a"))
    (0.1, 1.0, None)
    """
    if policy.name == "uniform":
        return 1.0
    epsilon = policy.config().get("epsilon")
    return float(epsilon) if isinstance(epsilon, float | int) and epsilon > 0 else None


def _separate_learner(source: Source, fold: Fold) -> Learner | None:
    """The reward model for q̂ that the fold does not train: one other than the store's, or where the store has none."""
    present = fold.components.learner
    if source.learner is not None and (present is None or describe(source.learner) != describe(present)):
        return source.learner.fresh()
    return RiverLearner.for_range(source.configuration.reward_range) if present is None else None


def _vector(probabilities: Vector, decision: DecodedDecision, fact: Fact, who: str) -> Vector:
    try:
        return check_distribution(probabilities, len(decision.actions))
    except ValueError as error:
        raise PolicyFailed(f"decision {fact.id} at position {fact.position}, {who}: {error}") from error


def record_decisions(
    source: Source,
    targets: Sequence[Target],
    sink: Sink,
    progress: Progress | None = None,
    in_sample: bool = False,
    segment: str | None = None,
    pairs: Sequence[tuple[int, int]] = (),
) -> Counts:
    """Fold a log once, and evaluate the logging policy, the reward model and every target at each decision.

    The fold is the engine's own, so their state is that of the decision's `as_of`, and no prediction depends on the
    reward of its own decision. At most one batch of columns is held in memory.

    Args:
        source: The store, which is read up to its head.
        targets: In their state at the beginning of the log, as `resolve` returns them.
        sink: Called with each batch of rows.
        progress: Called with (position, head) every 256 decisions.
        in_sample: Also use the rows whose rewards a target had already learned.
        segment: A feature of the context by which rows are segmented.
        pairs: The pairs of targets to compare.

    Raises:
        EvidenceError: No row can be used, or no context has the feature of the segments.
        PolicyFailed: A policy did not return a probability distribution; the message names decision and policy.
    """
    report = progress or (lambda position, head: None)
    recorder = Recorder(source, targets, sink, report, in_sample, segment, pairs)
    recorder.fold.run(source.head, recorder.visit)
    recorder.flush()
    recorder.check_segment()
    counts = recorder.summary()
    if not counts.rows:
        raise EvidenceError(_nothing_left(counts, source))
    return counts


def _nothing_left(counts: Counts, source: Source) -> str:
    learned = ""
    if counts.in_sample:
        positions = ", ".join(map(str, source.snapshot_positions()))
        learned = (
            f", and a snapshot had already learned from the rewards of {counts.in_sample:,}, so estimates from "
            f"them would be biased; log more decisions after it, evaluate an earlier snapshot (at {positions}) or a "
            "policy:NAME that learns along the log, or accept the bias with in_sample"
        )
    return f"no row can be used: of {counts.decisions:,} decisions {counts.unrewarded:,} have no usable reward{learned}"

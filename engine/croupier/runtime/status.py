"""How an engine is: what `Engine.status` says, and the warnings about what cannot be learned."""

from __future__ import annotations

import logging
import math
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from croupier.errors import CroupierWarning
from croupier.log.configuration import Configuration
from croupier.log.rewards import Rewards
from croupier.state.fold import Fold
from croupier_policies.base import Finding
from croupier_storage import Fact, Kind, Storage, StorageError

_log = logging.getLogger("croupier")
RECENT = 2_000  # facts before the opening that are counted too: some applications open the store for every request
ENOUGH = 500  # decisions after which missing or equal rewards are told
REWARDS = 300  # after which a reward range that is hardly used is told
USED = 0.02  # of the reward range: rewards that span less of it are told
FIRST_LOOK, MOST = 50, 20_000  # facts until the first look for findings, and at most between two looks
WARNINGS = 8  # warnings for one reason; `status` has all


class LearningWarning(CroupierWarning):
    """Something cannot be learned, so that the engine may never decide better than it does now."""


@dataclass(frozen=True)
class EngineStatus:
    """How an engine is; `str()` of it is a short text. Later releases may add attributes.

    Attributes:
        position: The position of the last fact.
        rewards_learned: How many rewards the present state has learned.
        store: The state of the store in words: "open", or what is wrong with it.
        decisions: Decisions that were shown since the engine was opened, and among the last 2,000 facts before.
        rewarded: How many of them have a reward or a default.
        counters: What was ignored, refused, skipped or lost, by reason.
        findings: What cannot be learned, a sentence each.
    """

    position: int
    rewards_learned: int
    store: str
    decisions: int
    rewarded: int
    counters: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"Store: {self.store}; {self.position:,} facts.",
            f"Learning: {self.rewards_learned:,} rewards learned; of the last {self.decisions:,} decisions, "
            f"{self.rewarded:,} have a reward.",
            *(f"Count: {count:,} {reason}." for reason, count in sorted(self.counters.items())),
            *(f"Finding: {sentence}." for sentence in self.findings),
        ]
        return "\n".join(lines if self.findings else [*lines, "No findings."])


class RewardTally:
    """Counts decisions and their rewards; kept beside the folded state, which does not depend on it."""

    def __init__(self, storage: Storage) -> None:
        self.decisions = self.rewarded = self.values = 0
        self.lowest, self.highest = math.inf, -math.inf
        self._read(storage)

    def _read(self, storage: Storage) -> None:
        """Count the last facts of the log."""
        try:
            head = storage.head()
            kinds = (Kind.DECISION.value, Kind.ACTIVATION.value, Kind.REWARD.value, Kind.DEFAULT.value)
            for fact in storage.facts(max(0, head - RECENT), head, kinds=kinds):
                if fact.kind == Kind.DECISION:
                    self.decisions += b'"deferred":true' not in (fact.body or b"")
                else:
                    self.add(fact)
        except StorageError as error:  # the state may be sound all the same: only what the tally knows is less
            _log.debug("the last facts could not be counted: %s", error)

    def add(self, fact: Fact) -> None:
        """Count a fact that follows a decision."""
        kind, reward = fact.kind, fact.reward
        if kind == Kind.ACTIVATION:
            self.decisions += 1
        elif reward is not None and kind in _ANSWERS:
            self.rewarded += 1
            if not self.lowest <= reward <= self.highest:
                self.lowest, self.highest = min(reward, self.lowest), max(reward, self.highest)

    def findings(self, configuration: Configuration) -> Iterator[tuple[str, str]]:
        """Key and sentence of each reason for which the rewards teach little."""
        rule, (low, high) = configuration.rewards, configuration.reward_range
        if self.rewarded and self.lowest == self.highest:
            yield from self._equal(rule, low)
        elif self.rewarded >= REWARDS and (used := (self.highest - self.lowest) / (high - low)) < USED:
            yield (
                "range",
                f"rewards use {used:.2%} of the declared range ({low:g} to {high:g}): they were {self.lowest:g} to "
                f"{self.highest:g}. `AdaptivePolicy` learns from their spread, but policies and learners that take the "
                "range for it, such as `SoftmaxPolicy`, see nearly equal rewards; for those, create a store with a "
                "reward_range close to what occurs, and clip the few rewards outside of it",
            )

    def _equal(self, rule: Rewards, low: float) -> Iterator[tuple[str, str]]:
        missing, value = self.decisions - self.rewarded, self.lowest
        if self.decisions < ENOUGH:
            return
        if 2 * missing > self.decisions and rule.default is None and value > low:
            yield (
                "successes",
                "the engine sees only successes and cannot learn; declare `Rewards(window=…, default=0)`: "
                f"{missing:,} of {self.decisions:,} decisions have no reward, and each of the other {self.rewarded:,} "
                f"has {value:g}. A default is the reward of a decision for which none comes within the window. For a "
                "store that exists: `croupier set-default STORE --window SECONDS --value 0`",
            )
        elif self.rewarded >= ENOUGH:
            yield (
                "equal",
                f"each of {self.rewarded:,} rewards is {value:g}: rewards that are all equal teach nothing; report "
                "failures too, or a reward in which better and worse outcomes differ",
            )


_ANSWERS = frozenset({Kind.REWARD.value, Kind.DEFAULT.value})


class LearningWatch:
    """Looks now and then for what cannot be learned, and warns of each finding once, in the log and as a warning."""

    def __init__(self, storage: Storage, position: int) -> None:
        self.tally = RewardTally(storage)
        self._opened_at, self.next_look = position, position + FIRST_LOOK
        self._warned: set[str] = set()
        self._warnings: Counter[str] = Counter()

    def look(self, fold: Fold, position: int) -> list[str]:
        """The findings that were not warned of before; called under the lock of the loop."""
        since = position - self._opened_at
        self.next_look = position + min(max(FIRST_LOOK, since // 10), MOST)
        new = []
        for reason, keys, sentence in self._found(fold):
            if not self._warned.issuperset(keys) and self._warnings[reason] < WARNINGS:
                new.append(sentence)
                self._warnings[reason] += 1
            self._warned.update(keys)
        return new

    def _found(self, fold: Fold) -> Iterator[tuple[str, list[str], str]]:
        """Reason, keys and sentence of every finding; a new key is worth another warning."""
        for key, sentence in self.tally.findings(fold.configuration):
            yield key, [key], sentence
        for owner, finding in learning_findings(fold):
            if _computed(fold, finding.names):
                continue  # the application can neither leave them out nor clip them; they are counted all the same
            keys = [f"{owner}/{finding.reason}/{name}" for name in finding.names or ("",)]
            yield finding.reason, keys, f"{owner}: {finding.text}"

    def findings(self, fold: Fold) -> tuple[str, ...]:
        """Every finding, a sentence each."""
        return tuple(sentence for _, _, sentence in self._found(fold))


def _computed(fold: Fold, names: Sequence[str]) -> bool:
    """Whether all of these features are computed by the store from observations."""
    features = fold.feature_state.features
    return features is not None and bool(names) and all(map(features.owns, names))


def learning_findings(fold: Fold) -> list[tuple[str, Finding]]:
    """The findings of every policy and learner that learns, with whose they are."""
    owners = [("the policy", fold.components.policy), ("the learner", fold.components.learner)]
    if fold.running is not None:
        owners += [(f"the policy {name!r}", policy) for name, policy in fold.running.policies.items()]
    return [(owner, finding) for owner, each in owners if each is not None for finding in each.findings()]


def learning_counters(findings: Sequence[tuple[str, Finding]]) -> dict[str, int]:
    """The counts of findings, by owner and reason.

    >>> from croupier_policies import Reason
    >>> never = Finding(Reason.NEVER_VARY, 1, ("x",), "")
    >>> learning_counters([("the policy", never), ("the policy", never)])
    {'features that never vary (the policy)': 2}
    """
    counts: Counter[str] = Counter()
    for owner, finding in findings:
        counts[f"{finding.reason} ({owner})"] += finding.count
    return dict(counts)


def warn(sentences: Sequence[str]) -> None:
    """Log each sentence, and warn of it at the line that called this library."""
    for sentence in sentences:
        _log.warning(sentence)
    for sentence in sentences:
        warnings.warn(sentence, LearningWarning, _outside())


def _outside() -> int:
    """The `stacklevel`, for a warning of the caller, of the first frame outside of this library."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "croupier":
        level, frame = level + 1, frame.f_back
    return level

"""Verification of a log: checksums are checked, and snapshots, probabilities and draws are recomputed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import orjson

from croupier.errors import CroupierError, EvidenceError, as_ours, storing
from croupier.log.arguments import Check, checking, each, function, instance, optional
from croupier.log.configuration import Configuration
from croupier.log.limits import POLICIES
from croupier.log.reader import DecodedDecision, Log, open_if_url
from croupier.state import erasure
from croupier.state.components import ObjectPool
from croupier.state.features.verification import first_difference, has_features
from croupier.state.fold import Fold
from croupier.state.snapshots import check_snapshot
from croupier_policies import Learner, Policy, PolicyError
from croupier_policies.exploration.sampling import draw, uniform
from croupier_storage import CorruptSnapshot, Fact, Kind, Storage, StorageError

TOLERANCE = 1e-9  # of probabilities and features that were computed with another arithmetic than here


@dataclass
class Verification:
    """The result of `verify`.

    Attributes:
        head: The position of the last fact.
        decisions: Number of decisions recomputed.
        rewards: Number of rewards learned.
        snapshots: Number of snapshots compared with the recomputed state.
        featured: Number of decisions whose features were recomputed from observations.
        drifts: Number of drifts in the log.
        other_arithmetic: Number of decisions made with another arithmetic (library versions, device or CPU), which were
            compared with a tolerance of 1e-9.
        erased: Number of facts that were erased.
        unverifiable: Number of decisions that were not recomputed, because their state depended on erased facts.
        state_hash: The hash of the recomputed state.
        difference: The first difference found, with its position; None if the log is sound.
    """

    head: int = 0
    decisions: int = 0
    rewards: int = 0
    snapshots: int = 0
    featured: int = 0
    drifts: int = 0
    other_arithmetic: int = 0
    erased: int = 0
    unverifiable: int = 0
    state_hash: str = ""
    difference: str | None = None

    @property
    def sound(self) -> bool:
        """Whether no difference was found."""
        return self.difference is None

    def summary(self) -> str:
        """The result as text, one finding per line."""
        lines = [
            f"{self.head} facts: {self.decisions} decisions recomputed, {self.rewards} rewards learned, "
            f"{self.snapshots} snapshots compared",
        ]
        if self.drifts:
            lines.append(f"{self.drifts} drifts compared with those that the detectors find")
        if self.featured:
            lines.append(f"features of {self.featured} decisions recomputed from observations")
        if self.erased:
            lines.append(
                f"{self.erased} facts were erased; {self.unverifiable} decisions depended on them and cannot be "
                "recomputed"
            )
        if self.other_arithmetic:
            lines.append(
                f"{self.other_arithmetic} decisions were made with another arithmetic (library versions, device or "
                f"CPU) and compared with a tolerance of {TOLERANCE:g}; the others are equal bit for bit"
            )
        lines.append(
            f"first difference: {self.difference}" if self.difference else f"sound; state {self.state_hash[:16]}"
        )
        return "\n".join(lines)


class _DifferenceFound(Exception):
    """Ends the verification at the first difference."""


_CHECKS: dict[str, Check] = {
    "store": instance((str, Storage), '"sqlite:///shop.db"'),
    "policy": optional(instance(Policy, "SoftmaxPolicy()")),
    "learner": optional(instance(Learner, "RiverLearner()")),
    "policies": each(instance(Policy, "SoftmaxPolicy()"), POLICIES),
    "progress": optional(function(2)),
}


@checking(_CHECKS)
def verify(
    store: str | Storage,
    *,
    policy: Policy | None = None,
    learner: Learner | None = None,
    policies: Collection[Policy] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Recompute a log from its first fact, and compare it with what was logged.

    Every row is compared with its checksum, and positions are checked for gaps. For every decision, the variant, the
    features, the probability of the action, the draw from the decision's id, and what the shadows logged are compared
    with those that follow from the state at its `as_of`. Every snapshot is compared with the state at its position.
    The comparison is bit for bit where the arithmetic is the one that the log was written with, and to 1e-9 elsewhere.

    Args:
        store: The URL of a store, or an open store; it is only read.
        policy: The store's policy, if it is not one of Croupier's own.
        learner: The store's learner, if it is not one of Croupier's own.
        policies: Policies of variants and shadows that are not Croupier's own.
        progress: Called with (position, head) after every 256 decisions.

    Returns:
        The counts of what was compared, and the first difference.

    Raises:
        EvidenceError: A policy or learner of the log cannot be built and was not passed.
        StoreError: The store cannot be read.

    >>> from croupier import Engine
    >>> import pathlib, tempfile
    >>> url = f"sqlite:///{pathlib.Path(tempfile.mkdtemp()) / 'store.db'}"
    >>> with Engine.open(url, seed=7, learner=None) as engine:
    ...     outcome = engine.reward(engine.choose({"hour": 9}, ["a", "b"]).id, 1.0)
    >>> result = verify(url)
    >>> result.sound, result.decisions, result.rewards
    (True, 1, 1)
    """
    pool, report = ObjectPool(policy, learner, tuple(policies)), progress or (lambda position, head: None)
    with storing(), open_if_url(store) as storage:
        return _Verifier(storage, pool, report).run()


class _Verifier:
    """One pass over a log."""

    def __init__(self, storage: Storage, pool: ObjectPool, progress: Callable[[int, int], None]) -> None:
        self.storage, self.progress = storage, progress
        self.configuration = Configuration.from_settings(storage.settings())
        self.result = Verification(head=storage.head())
        self.fold = Fold(pool, self.configuration, Log(storage))
        self.erasures = self._erasures()
        self.arithmetic = {record.id: record.arithmetic for record in storage.policies()}

    def run(self) -> Verification:
        result = self.result
        try:
            self._check_rows()
            for position, *_ in self.storage.snapshots():
                self._fold_to(position)
                self._compare_snapshot(position)
            self._fold_to(result.head)
            self._compare_drifts()
        except _DifferenceFound as difference:
            result.difference = str(difference)
        except EvidenceError:
            raise  # a policy is missing in this process, which is no difference in the log
        except (CroupierError, StorageError, PolicyError) as error:
            translated = as_ours(error) if isinstance(error, StorageError) else error
            result.difference = f"at or after position {self.fold.position}: {translated}"
        result.rewards, result.state_hash = self.fold.rewards, self.fold.hash()
        return result

    def _check_rows(self) -> None:
        for position in self.storage.damaged_positions():
            raise _DifferenceFound(f"position {position}: the row is missing or was changed after it was written")

    def _fold_to(self, position: int) -> None:
        self.fold.run(position, self._compare_decision)

    def _erasures(self) -> list[range]:
        """The ranges of positions at which the state depended on facts that have been erased."""
        self.result.erased = len(erasure.tombstones(self.storage))
        return erasure.affected(self.storage)

    def _compare_decision(self, fact: Fact, decided: DecodedDecision) -> None:
        if any(fact.position in positions for positions in self.erasures):
            self.result.unverifiable += 1
            return
        self._compare_role(fact, decided)
        policy = self.fold.policy_for(decided.role)
        p = policy.probabilities(decided.context, decided.actions)
        same = self.arithmetic.get(fact.policy or 0) == policy.arithmetic
        tolerance = 0.0 if same else TOLERANCE
        self._compare_features(fact, decided, tolerance)
        self.result.other_arithmetic += not same
        self.result.decisions += 1
        if not abs(p[decided.drawn] - decided.propensity) <= tolerance:
            raise _DifferenceFound(
                f"position {fact.position}: decision {fact.id} logged propensity {decided.propensity!r} for "
                f"{fact.action!r}, but its policy gives {float(p[decided.drawn])!r}"
            )
        drawn = draw(p, u := uniform(self.configuration.seed, "draw", fact.id or ""))
        if drawn != decided.drawn and same:
            raise _DifferenceFound(
                f"position {fact.position}: decision {fact.id} logged the action {fact.action!r}, but the draw gives "
                f"{decided.actions.ids[drawn]!r}"
            )
        if decided.role is not None:
            self._compare_shadows(fact, decided, u, tolerance)
        if self.result.decisions % 256 == 0:
            self.progress(fact.position, self.result.head)

    def _compare_features(self, fact: Fact, decided: DecodedDecision, tolerance: float) -> None:
        """Compare the features in the context with those computed from the observations before the decision."""
        difference = first_difference(self.fold.feature_state, fact, decided.context, tolerance)
        if difference is not None:
            raise _DifferenceFound(f"position {fact.position}: decision {fact.id}: {difference}")
        self.result.featured += has_features(fact)

    def _compare_drifts(self) -> None:
        """Compare the drifts of the log with those of the detectors, where no fact is erased and no bit may differ."""
        self.result.drifts = sum(1 for _ in self.storage.facts(kinds=[Kind.DRIFT]))
        for position, mismatch in self.fold.drift_mismatches:
            erased = any(positions.start <= position <= positions.stop for positions in self.erasures)
            if not erased and not self.result.other_arithmetic:
                raise _DifferenceFound(f"position {position}: {mismatch}")

    def _compare_role(self, fact: Fact, decided: DecodedDecision) -> None:
        """Compare the variant of a decision with the one that the split in force assigns to its unit."""
        running = self.fold.running
        expected = None if running is None else running.assign(self.configuration.seed, fact.unit)
        if expected != decided.role:
            raise _DifferenceFound(
                f"position {fact.position}: decision {fact.id} logged {decided.role}, but the split gives {expected}"
            )

    def _compare_shadows(self, fact: Fact, decided: DecodedDecision, u: float, tolerance: float) -> None:
        """Compare what was logged of each shadow: its probability of the drawn action, and its own draw."""
        logged, shadows = orjson.loads(fact.body or b"{}").get("shadows", {}), dict(self.fold.shadow_policies())
        if set(logged) != set(shadows):
            raise _DifferenceFound(
                f"position {fact.position}: decision {fact.id} logged the shadows {list(logged)}, but the experiment "
                f"has {list(shadows)}"
            )
        for name, (propensity, action) in logged.items():
            p = shadows[name].probabilities(decided.context, decided.actions)
            drawn = decided.actions.ids[draw(p, u)]
            if not abs(p[decided.drawn] - propensity) <= tolerance or (drawn != action and not tolerance):
                raise _DifferenceFound(
                    f"position {fact.position}: decision {fact.id} logged propensity {propensity!r} and action "
                    f"{action!r} for the shadow {name!r}, but its policy gives {float(p[decided.drawn])!r} and "
                    f"{drawn!r}"
                )

    def _compare_snapshot(self, position: int) -> None:
        snapshot = self.storage.snapshot(position)
        if snapshot is None:
            return
        try:
            check_snapshot(snapshot)
        except CorruptSnapshot as error:
            raise _DifferenceFound(f"the snapshot at position {position} is damaged: {error}") from error
        if snapshot.hash != self.fold.hash() and not self.result.other_arithmetic:
            raise _DifferenceFound(
                f"the snapshot at position {position} differs from the state that the log gives there"
            )
        self.result.snapshots += 1

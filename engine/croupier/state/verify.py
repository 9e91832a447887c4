"""Proving a log: every checksum, every snapshot and every probability recomputed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import orjson

from croupier.errors import CroupierError, EvidenceError, as_ours, storing
from croupier.log.configuration import Configuration
from croupier.log.reader import DecodedDecision, Log, opened
from croupier.state.components import ObjectPool
from croupier.state.features.proof import difference, featured
from croupier.state.fold import Fold
from croupier.state.snapshots import verified
from croupier_policies import Learner, Policy, PolicyError
from croupier_policies.exploration.sampling import draw, uniform
from croupier_storage import CorruptSnapshot, Fact, Kind, Storage, StorageError

ELSEWHERE = 1e-9  # how far probabilities may be apart in another arithmetic than the log's


@dataclass
class Verification:
    """What `verify` found. `difference` tells the first one, by position, or is None: then the log proves itself."""

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
        """Whether nothing differs."""
        return self.difference is None

    def summary(self) -> str:
        """The finding in a few lines."""
        lines = [
            f"{self.head} facts: {self.decisions} decisions recomputed, {self.rewards} rewards folded, "
            f"{self.snapshots} snapshots compared",
        ]
        if self.drifts:
            lines.append(f"{self.drifts} drifts, found again by the detectors")
        if self.featured:
            lines.append(f"the features that {self.featured} decisions were shown, computed again from observations")
        if self.erased:
            lines.append(
                f"{self.erased} facts were erased; {self.unverifiable} decisions were made by a state that contained "
                "them, and cannot be recomputed"
            )
        if self.other_arithmetic:
            lines.append(
                f"{self.other_arithmetic} decisions were made in another arithmetic (library versions, device or CPU) "
                f"and compared to {ELSEWHERE:g}; the others bit for bit"
            )
        lines.append(
            f"first difference: {self.difference}" if self.difference else f"sound; state {self.state_hash[:16]}"
        )
        return "\n".join(lines)


class _Difference(Exception):
    """Ends the pass at the first difference."""


def verify(
    store: str | Storage,
    *,
    policy: Policy | None = None,
    learner: Learner | None = None,
    policies: Collection[Policy] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Fold the log again from its first fact, and compare everything it says with what comes out.

    Every row against its checksum, positions for gaps, every decision's action and propensity against the vector that
    its policy gives at its `as_of` and the draw that its id gives from it, every snapshot against the state at its
    position. Bit for bit where the arithmetic is the log's own; to 1e-9 elsewhere, and the result says for how many.

    Args:
        store: The URL of a store, or an open one; it is only read.
        policy: The store's policy, where it is none of Croupier's own.
        learner: Likewise.
        policies: Of variants of experiments, likewise.
        progress: Called with (position, head) now and then.

    Raises:
        EvidenceError: A policy of the log is not known here and was not given.
        StoreError: The store cannot be read.
    """
    pool, telling = ObjectPool(policy, learner, tuple(policies)), progress or (lambda position, head: None)
    with storing(), opened(store) as storage:
        return _Pass(storage, pool, telling).run()


class _Pass:
    """One pass over a log."""

    def __init__(self, storage: Storage, pool: ObjectPool, progress: Callable[[int, int], None]) -> None:
        self.storage, self.progress = storage, progress
        self.configuration = Configuration.stored(storage.settings())
        self.result = Verification(head=storage.head())
        self.fold = Fold(pool, self.configuration, Log(storage))
        self.erasures = self._erasures()
        self.arithmetic = {record.id: record.arithmetic for record in storage.policies()}

    def run(self) -> Verification:
        result = self.result
        try:
            self._rows()
            for position, *_ in self.storage.snapshots():
                self._fold_to(position)
                self._compare_snapshot(position)
            self._fold_to(result.head)
            self._compare_drifts()
        except _Difference as difference:
            result.difference = str(difference)
        except EvidenceError:
            raise  # a policy is missing here: that says nothing against the log
        except (CroupierError, StorageError, PolicyError) as error:
            ours = as_ours(error) if isinstance(error, StorageError) else error
            result.difference = f"at or after position {self.fold.position}: {ours}"
        result.rewards, result.state_hash = self.fold.rewards, self.fold.hash()
        return result

    def _rows(self) -> None:
        for position in self.storage.damaged_positions():
            raise _Difference(f"position {position}: the row is missing or was changed after it was written")

    def _fold_to(self, position: int) -> None:
        self.fold.run(position, self._compare_decision)

    def _erasures(self) -> list[range]:
        """Stretches of the log in which the state contained what has been erased since."""
        self.result.erased = sum(1 for _ in self.storage.facts(kinds=[Kind.ERASURE]))
        bodies = ((f.position, orjson.loads(f.body or b"{}")) for f in self.storage.facts(kinds=[Kind.REBASE]))
        return [range(body["erased"][0], end) for end, body in bodies if "erased" in body]

    def _compare_decision(self, fact: Fact, decided: DecodedDecision) -> None:
        if any(fact.position in stretch for stretch in self.erasures):
            self.result.unverifiable += 1
            return
        self._compare_role(fact, decided)
        policy = self.fold.policy_for(decided.role)
        p = policy.probabilities(decided.context, decided.actions)
        same = self.arithmetic.get(fact.policy or 0) == policy.arithmetic
        tolerance = 0.0 if same else ELSEWHERE
        self._compare_features(fact, decided, tolerance)
        self.result.other_arithmetic += not same
        self.result.decisions += 1
        if not abs(p[decided.drawn] - decided.propensity) <= tolerance:
            raise _Difference(
                f"position {fact.position}: decision {fact.id} logged propensity {decided.propensity!r} for "
                f"{fact.action!r}, and its policy gives {float(p[decided.drawn])!r}"
            )
        drawn = draw(p, u := uniform(self.configuration.seed, "draw", fact.id or ""))
        if drawn != decided.drawn and same:
            raise _Difference(
                f"position {fact.position}: decision {fact.id} shows {fact.action!r}, and the draw gives "
                f"{decided.actions.ids[drawn]!r}"
            )
        if decided.role is not None:
            self._compare_shadows(fact, decided, u, tolerance)
        if self.result.decisions % 256 == 0:
            self.progress(fact.position, self.result.head)

    def _compare_features(self, fact: Fact, decided: DecodedDecision, tolerance: float) -> None:
        """The features in the context, computed again from the observations before the decision."""
        found = difference(self.fold.feature_state, fact, decided.context, tolerance)
        if found is not None:
            raise _Difference(f"position {fact.position}: of decision {fact.id}: {found}")
        self.result.featured += featured(fact)

    def _compare_drifts(self) -> None:
        """The log's drifts against those that the detectors found on the way, where they saw what they saw then."""
        self.result.drifts = sum(1 for _ in self.storage.facts(kinds=[Kind.DRIFT]))
        for position, mismatch in self.fold.drift_mismatches:
            erased = any(stretch.start <= position <= stretch.stop for stretch in self.erasures)
            if not erased and not self.result.other_arithmetic:
                raise _Difference(f"position {position}: {mismatch}")

    def _compare_role(self, fact: Fact, decided: DecodedDecision) -> None:
        """The variant that the unit meets by the split in force."""
        running = self.fold.running
        meant = None if running is None else running.assign(self.configuration.seed, fact.unit)
        if meant != decided.role:
            raise _Difference(
                f"position {fact.position}: decision {fact.id} was made as {decided.role}, and the split gives {meant}"
            )

    def _compare_shadows(self, fact: Fact, decided: DecodedDecision, u: float, tolerance: float) -> None:
        """What the shadows said: the probability of the drawn action, and their own draw."""
        said, shadows = orjson.loads(fact.body or b"{}").get("shadows", {}), dict(self.fold.shadow_policies())
        if set(said) != set(shadows):
            raise _Difference(f"position {fact.position}: decision {fact.id} has the shadows {list(said)}")
        for name, (propensity, drawn) in said.items():
            p = shadows[name].probabilities(decided.context, decided.actions)
            own = decided.actions.ids[draw(p, u)]
            if not abs(p[decided.drawn] - propensity) <= tolerance or (own != drawn and not tolerance):
                raise _Difference(
                    f"position {fact.position}: the shadow {name!r} logged {propensity!r} and {drawn!r}, and its "
                    f"policy gives {float(p[decided.drawn])!r} and {own!r}"
                )

    def _compare_snapshot(self, position: int) -> None:
        snapshot = self.storage.snapshot(position)
        if snapshot is None:
            return
        try:
            verified(snapshot)
        except CorruptSnapshot as error:
            raise _Difference(f"the snapshot at position {position} is damaged: {error}") from error
        if snapshot.hash != self.fold.hash() and not self.result.other_arithmetic:
            raise _Difference(f"the snapshot at position {position} is not the state that the log gives there")
        self.result.snapshots += 1

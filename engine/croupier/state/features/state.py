"""What a fold keeps of behaviour, beside policy and learner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
import orjson

from croupier.errors import CorruptStore, EvidenceError, InputError, NoFeatures
from croupier.log.encoding import canonical
from croupier.state.features.drift import Drift
from croupier.state.features.features import Features
from croupier.state.features.observation import decode
from croupier_policies import Policy, Row, State
from croupier_storage import Fact, Kind


class FeatureState(NamedTuple):
    """Features and detectors, where the store has them."""

    features: Features | None = None
    drift: Drift | None = None

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> Self:
        """Untaught, from a description. Raises EvidenceError where it cannot be built."""
        try:
            described = {k: description[k]["config"] for k in cls._fields if description.get(k) is not None}
            features, drift = described.get("features"), described.get("drift")
            return cls(None if features is None else Features(**features), None if drift is None else Drift(**drift))
        except (InputError, TypeError, KeyError) as error:
            raise EvidenceError(f"the log's features or detectors cannot be built as described ({error})") from error

    def fresh(self) -> Self:
        """The same, untaught."""
        features, drift = self
        return type(self)(None if features is None else features.fresh(), None if drift is None else drift.fresh())

    def updated(self, other: FeatureState) -> FeatureState:
        """The same with whatever the other one has in its place."""
        return self._replace(**{k: part for k, part in other._asdict().items() if part is not None})

    def description(self) -> dict[str, Any]:
        """Names and configurations of what there is, as plain data."""
        parts = self._asdict().items()
        return {k: {"name": part.name, "config": part.config()} for k, part in parts if part is not None}

    @property
    def required(self) -> Features:
        """The features. Raises NoFeatures where there are none."""
        if self.features is None:
            raise NoFeatures("the store has no features; open it with features=Features(…)")
        return self.features

    def check(self, body: bytes) -> None:
        """Raises InputError for an observation with an attribute that is not of its declared type."""
        if self.features is not None:
            self.features.check(decode(body).attributes)

    def context(self, row: Row, unit: str | None, at: float) -> Row:
        """What a policy is shown: what was given, and the features of the unit beside it, in the form of the log.

        Raises:
            InputError: An array has no names beside which features could stand; or a name is a feature's own.
        """
        if self.features is None:
            return row
        if isinstance(row, np.ndarray):
            raise InputError(
                "the context is an array, and the store has features: they have names, and an array's numbers have "
                "none; give a mapping, or None"
            )
        taken = [name for name in row if self.features.owns(name)]
        if taken:
            raise InputError(f"the context names {taken}: names that begin with h., c. or u. are the features' own")
        return canonical({**row, **self.features.unit(unit, at)}, "context")

    def given(self, row: Row) -> Row:
        """What was given of the row of a decision that has features in it."""
        owned = self.features
        return (
            row if owned is None or isinstance(row, np.ndarray) else {k: v for k, v in row.items() if not owned.owns(k)}
        )

    def apply(self, fact: Fact, policies: Iterable[Policy]) -> None:
        """Fold in an observation, or a drift: whoever learned what has changed forgets."""
        if fact.kind == Kind.OBSERVATION:
            if self.features is not None:
                self.features.observe(fact)
            return
        try:
            keep = float(orjson.loads(fact.body or b"{}")["keep"])
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptStore(f"the drift at position {fact.position} does not say what remains: {error!r}") from error
        if fact.action is None and self.features is not None:
            self.features.discount(fact.unit, keep)
        for policy in policies:
            if fact.unit is None:
                policy.discount(keep, fact.action)
            else:
                policy.discount_unit(keep, fact.unit)

    def state(self) -> State:
        """All of it; nothing where there is nothing."""
        return {k: part.state() for k, part in self._asdict().items() if part is not None}

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        for k, part in self._asdict().items():
            if part is not None:
                part.restore(state[k])

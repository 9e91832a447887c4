"""The part of a fold's state that observations and drifts change: features and detectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
import orjson

from croupier.errors import CorruptStore, EvidenceError, InputError, NoFeatures
from croupier.log.canonical import canonical
from croupier.state.features.drift import Drift
from croupier.state.features.features import Features
from croupier.state.features.observation import decode
from croupier_policies import Policy, Row, State
from croupier_storage import Fact, Kind


class FeatureState(NamedTuple):
    """The features and the drift detectors of a store; None for what it does not have."""

    features: Features | None = None
    drift: Drift | None = None

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """New features and detectors from a `description()`. Raises EvidenceError where they cannot be built."""
        try:
            configs = {k: description[k]["config"] for k in cls._fields if description.get(k) is not None}
            features = Features(**configs["features"]) if "features" in configs else None
            return cls(features, Drift.from_config(configs["drift"]) if "drift" in configs else None)
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # InputError is a ValueError
            raise EvidenceError(
                f"the features or drift detectors of the log cannot be built from their configuration ({error})"
            ) from error

    def fresh(self) -> Self:
        """New features and detectors with the same configuration."""
        features, drift = self
        return type(self)(None if features is None else features.fresh(), None if drift is None else drift.fresh())

    def updated_with(self, other: FeatureState) -> FeatureState:
        """This state, with the fields of `other` that are not None in place of its own."""
        return self._replace(**{k: field for k, field in other._asdict().items() if field is not None})

    def description(self) -> dict[str, Any]:
        """Names and configurations, as JSON data."""
        fields = self._asdict().items()
        return {k: {"name": field.name, "config": field.config()} for k, field in fields if field is not None}

    @property
    def required_features(self) -> Features:
        """The features. Raises NoFeatures where there are none."""
        if self.features is None:
            raise NoFeatures(
                "the store has no features; open it with features=Features(…), with replay=True if its log has begun"
            )
        return self.features

    def check(self, body: bytes) -> None:
        """Raises InputError for an encoded observation with an attribute that does not have its declared type."""
        if self.features is not None:
            self.features.check(decode(body).attributes)

    def context(self, row: Row, unit: str | None, at: float) -> Row:
        """The context for a policy: the application's context together with the features of the unit.

        Args:
            row: The application's context in canonical form.
            unit: The unit, or None.
            at: In seconds since 1970.

        Raises:
            InputError: The context is an array, so that features cannot be added by name; or it uses a reserved name.
        """
        if self.features is None:
            return row
        if isinstance(row, np.ndarray):
            raise InputError(
                "the context is an array, but the store has features, which are added to the context by name; give a "
                "mapping, or None"
            )
        # the counts of a field "c" are features "c.…" of a policy that reads flat rows
        prefixes = {name: f"{name}." if isinstance(value, dict) else name for name, value in row.items()}
        reserved = [name for name, prefix in prefixes.items() if self.features.owns(prefix)]
        if reserved:
            raise InputError(
                f"the context contains {reserved}: names that begin with h., c. or u. are reserved for features of "
                "units, which would overwrite them; rename these fields"
            )
        return canonical({**row, **self.features.unit(unit, at)}, "context")

    def application_context(self, row: Row) -> Row:
        """The fields of a logged context that the application passed."""
        features = self.features
        if features is None or isinstance(row, np.ndarray):
            return row
        return {name: value for name, value in row.items() if not features.owns(name)}

    def apply(self, fact: Fact, policies: Iterable[Policy]) -> None:
        """Fold in an observation or a drift; a drift discounts the features and policies that it concerns.

        Raises:
            CorruptStore: The body of the fact cannot be read.
        """
        if fact.kind == Kind.OBSERVATION:
            if self.features is not None:
                self.features.observe(fact)
            return
        try:
            retain = float(orjson.loads(fact.body or b"{}")["keep"])  # the stored name of `Drift.retain`
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptStore(
                f"the drift at position {fact.position} has no number under 'keep': {error!r}"
            ) from error
        if fact.action is None and self.features is not None:
            self.features.discount(fact.unit, retain)
        for policy in policies:
            if fact.unit is None:
                policy.discount(retain, fact.action)
            else:
                policy.discount_unit(retain, fact.unit)

    def state(self) -> State:
        """The states of the fields that are not None."""
        return {k: field.state() for k, field in self._asdict().items() if field is not None}

    def restore(self, state: State) -> None:
        """Restore a `state()`."""
        for k, field in self._asdict().items():
            if field is not None:
                field.restore(state[k])

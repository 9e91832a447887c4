"""Detection of drift: River's detectors on prediction errors, over all rewards, per unit and per action."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import orjson

from croupier.errors import InputError
from croupier.log.arguments import choice, real
from croupier.log.identifiers import shown
from croupier.state.features import settings
from croupier.state.features.detector import Detector, check_spec
from croupier_policies import Configurable, State
from croupier_storage import Fact, Kind

DEFAULT_OVERALL = {"name": "adwin", "delta": 0.002}
DEFAULT_PER_UNIT = {"name": "page-hinkley", "delta": 0.15, "threshold": 2.0, "min_instances": 10}
LOSSES = {"squared": lambda error: error * error, "signed": lambda error: error}


class DetectedDrift(NamedTuple):
    """A change found by a detector: of a unit, of an action, or overall where both are None.

    Attributes:
        at: Time of the reward at which it was found, in seconds since 1970.
        unit: The unit, or None.
        action: The action, or None.
        before: The mean loss before the change.
        after: The mean loss after it.
    """

    at: float
    unit: str | None
    action: str | None
    before: float
    after: float


class Drift(Configurable):
    """Detects changes in the error of the learner's predictions: `Engine.open(drift=…)`.

    Before the learner learns a reward r, its prediction r̂ for the drawn action is compared with r. When the mean of
    the loss has moved away from 0, the engine logs a drift fact, and from that position on what was learned is
    discounted to the fraction `retain`: for a unit, in its features; for an action, in the policy; overall, in both.
    A mean that has moved towards 0 is not a drift, because the error of a learning model decreases.

    Args:
        error: The loss. "squared", (r - r̂)², detects a reversal of preferences but not that a rare reward has become
            rarer. "signed", r - r̂, detects the latter, but not a reversal that leaves the mean unchanged; it is
            noisier, so give detectors with a threshold twice as high.
        all: The detector over all rewards: `{"name": "adwin" or "page-hinkley"}` with River's arguments; None for none.
        unit: The detector for each unit, in the same form.
        action: The detector for each action, in the same form.
        retain: The fraction of what was learned that remains after a drift, 0 < retain ≤ 1; with 1, drifts are logged
            and nothing is discounted.
        units: The largest number of units with a detector; the least recently rewarded is dropped.
        actions: The largest number of actions with a detector; the least recently rewarded is dropped.

    Raises:
        InputError: An argument is out of its range, or River cannot create a detector.

    Sources: Bifet & Gavaldà 2007, "Learning from time-changing data with adaptive windowing"; Page 1954, "Continuous
    inspection schemes".

    >>> drift = Drift(unit={"name": "page-hinkley", "threshold": 2.0, "min_instances": 5})
    >>> for n in range(60):
    ...     drift.update(float(n), "u", "a", 0.1 if n < 30 else 0.9)
    ...     if drift.pending:
    ...         break
    >>> drift.pending[0].unit, n < 40
    ('u', True)
    """

    name: ClassVar[str] = "drift"

    def __init__(
        self,
        *,
        error: str = "squared",
        all: Mapping[str, Any] | None = DEFAULT_OVERALL,
        unit: Mapping[str, Any] | None = DEFAULT_PER_UNIT,
        action: Mapping[str, Any] | None = None,
        retain: float = 0.2,
        units: int = 1_000,
        actions: int = 1_000,
    ) -> None:
        self.all, self.unit, self.action = check_spec(all), check_spec(unit), check_spec(action)
        self.error = choice(*LOSSES)(error, "error")
        fraction = real(retain)
        if fraction is None or not 0 < fraction <= 1:
            raise InputError(
                f"retain is {shown(retain)}; give the fraction of what was learned that remains after a drift, "
                "0 < retain ≤ 1"
            )
        self.retain = fraction
        self._limits = settings.integer(units, "units"), settings.integer(actions, "actions")
        self._all = OrderedDict[str, Detector]()
        self._units, self._actions = OrderedDict[str, Detector](), OrderedDict[str, Detector]()
        self.pending: list[DetectedDrift] = []  # found, and not yet logged

    def config(self) -> dict[str, Any]:
        """The constructor's arguments as a store keeps them: `retain` has the key "keep", as in every earlier store."""
        units, actions = self._limits
        return {
            "error": self.error,
            "all": self.all,
            "unit": self.unit,
            "action": self.action,
            "keep": self.retain,
            "units": units,
            "actions": actions,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """New detectors from a `config()`.

        >>> Drift.from_config({"keep": 0.5}).retain
        0.5
        """
        return cls(**{"retain" if name == "keep" else name: value for name, value in config.items()})

    def fresh(self) -> Self:
        """New detectors with the same configuration and no inputs."""
        return self.from_config(self.config())

    def update(self, at: float, unit: str | None, action: str, error: float) -> None:
        """Pass the error r - r̂ of a prediction to the detectors; drifts that they find are appended to `pending`."""
        loss = LOSSES[self.error](error)
        if not isfinite(loss):
            return  # the learner has diverged: its error is no evidence about the rewards
        watched = (
            (self.all, self._all, "", 1, (None, None)),
            (self.unit, self._units, unit, self._limits[0], (unit, None)),
            (self.action, self._actions, action, self._limits[1], (None, action)),
        )
        for spec, detectors, name, limit, subject in watched:
            if spec is not None and name is not None:
                means = _get_or_create(detectors, name, spec, limit).update(loss)
                if means is not None:
                    self.pending.append(DetectedDrift(at, subject[0], subject[1], *means))

    def payload(self, drift: DetectedDrift) -> bytes:
        """The body of the fact that logs a drift; `retain` has the key "keep", as in every earlier log."""
        spec = self.action if drift.action is not None else self.unit if drift.unit is not None else self.all
        payload = {"detector": (spec or {})["name"], "before": drift.before, "after": drift.after, "keep": self.retain}
        return orjson.dumps(payload)

    def reconcile(self, fact: Fact) -> str | None:
        """Compare the next fact of the log with the pending drifts; returns a description of the first mismatch."""
        if fact.kind == Kind.DRIFT:
            same = [drift for drift in self.pending if (drift.unit, drift.action) == (fact.unit, fact.action)]
            if not same:
                return "the log has a drift that the detectors do not find there"
            self.pending.remove(same[0])
        elif self.pending:
            self.pending.clear()
            return "the detectors find a drift before it that the log does not have"
        return None

    def state(self) -> State:
        """The inputs of the detectors, the least recently updated detector first, and the pending drifts."""
        return {
            "all": _inputs(self._all),
            "units": _inputs(self._units),
            "actions": _inputs(self._actions),
            "pending": [list(drift) for drift in self.pending],
        }

    def restore(self, state: State) -> None:
        """Restore a `state()`."""
        self._all = _create_detectors(state["all"], self.all)
        self._units, self._actions = (
            _create_detectors(state["units"], self.unit),
            _create_detectors(state["actions"], self.action),
        )
        self.pending = [DetectedDrift(*drift) for drift in state["pending"]]


def _get_or_create(detectors: OrderedDict[str, Detector], name: str, spec: Mapping[str, Any], limit: int) -> Detector:
    existing = detectors.get(name)
    if existing is not None:
        detectors.move_to_end(name)
        return existing
    new = detectors[name] = Detector(spec)
    if len(detectors) > limit:
        detectors.popitem(last=False)
    return new


def _inputs(detectors: Mapping[str, Detector]) -> list[Any]:
    return [list(detectors), [np.array(detector.inputs, dtype=np.float64) for detector in detectors.values()]]


def _create_detectors(state: Iterable[Any], spec: Mapping[str, Any] | None) -> OrderedDict[str, Detector]:
    names, inputs = state
    return OrderedDict(
        (str(name), Detector(spec or {}, values.tolist())) for name, values in zip(names, inputs, strict=True)
    )

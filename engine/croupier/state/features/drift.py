"""Change of taste: River's detectors on honest prediction errors, over all, for each unit and for each action."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, ClassVar, NamedTuple

import numpy as np
import orjson

from croupier.errors import InputError
from croupier.state.features import settings
from croupier.state.features.detector import Detector, checked_spec
from croupier_policies import Configurable, State
from croupier_storage import Fact, Kind

ALL = {"name": "adwin", "delta": 0.002}
EACH = {"name": "page-hinkley", "delta": 0.15, "threshold": 2.0, "min_instances": 10}
ERRORS = {"squared": lambda error: error * error, "signed": lambda error: error}


class Drifted(NamedTuple):
    """A change that a detector has found: of a unit, of an action, or of everyone, where both are None."""

    at: float
    unit: str | None
    action: str | None
    before: float
    after: float


class Drift(Configurable):
    """Watches how far rewards are from the learner's predictions before it learned them: `Engine.open(drift=…)`.

    If the mean error has moved away from 0, that is a fact of the log, and from there what was learned counts for
    `keep` of what it did: of a unit, in its features; of an action, in the policy; over all, in both. A mean that has
    come nearer to 0 is no drift: models learn.

    Args:
        error: "squared", (r - r̂)²: finds that tastes have turned round, and not that a rare reward became rarer; or
            "signed", r - r̂: finds that, and not a turn that leaves the mean as it was. It is noisier: give detectors
            with a threshold twice as high.
        all: A detector over all rewards: `{"name": "adwin" or "page-hinkley"}` with River's arguments; None for none.
        unit: A detector for each unit, likewise.
        action: A detector for each action, likewise.
        keep: 0 < keep ≤ 1; 1 only tells.
        units: How many units are watched; the least recently rewarded drops out.
        actions: How many actions are, likewise.

    Sources: Bifet & Gavaldà 2007, "Learning from time-changing data with adaptive windowing"; Page 1954, "Continuous
    inspection schemes".

    >>> drift = Drift(unit={"name": "page-hinkley", "threshold": 2.0, "min_instances": 5})
    >>> for n in range(60):
    ...     drift.note(float(n), "u", "a", 0.1 if n < 30 else 0.9)
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
        all: Mapping[str, Any] | None = ALL,
        unit: Mapping[str, Any] | None = EACH,
        action: Mapping[str, Any] | None = None,
        keep: float = 0.2,
        units: int = 1_000,
        actions: int = 1_000,
    ) -> None:
        self.all, self.unit, self.action = checked_spec(all), checked_spec(unit), checked_spec(action)
        if error not in ERRORS:
            raise InputError(f"error is {error!r}; choose one of {', '.join(ERRORS)}")
        self.error = error
        if isinstance(keep, bool) or not isinstance(keep, int | float) or not 0 < keep <= 1:
            raise InputError(f"keep is {keep!r}; give what remains of what was learned, more than 0 and at most 1")
        self.keep = float(keep)
        self._limits = settings.whole(units, "units"), settings.whole(actions, "actions")
        self._all = OrderedDict[str, Detector]()
        self._units, self._actions = OrderedDict[str, Detector](), OrderedDict[str, Detector]()
        self.pending: list[Drifted] = []  # found, and not yet a fact

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        units, actions = self._limits
        return {
            "error": self.error,
            "all": self.all,
            "unit": self.unit,
            "action": self.action,
            "keep": self.keep,
            "units": units,
            "actions": actions,
        }

    def note(self, at: float, unit: str | None, action: str, error: float) -> None:
        """Take in the error r - r̂ of a prediction; what is found stands in `pending`."""
        loss = ERRORS[self.error](error)
        if not isfinite(loss):
            return  # of a learner that has diverged: no evidence about the world
        watched = (
            (self.all, self._all, "", 1, (None, None)),
            (self.unit, self._units, unit, self._limits[0], (unit, None)),
            (self.action, self._actions, action, self._limits[1], (None, action)),
        )
        for spec, held, name, limit, of in watched:
            if spec is not None and name is not None:
                found = _detector(held, name, spec, limit).note(loss)
                if found is not None:
                    self.pending.append(Drifted(at, of[0], of[1], *found))

    def payload(self, found: Drifted) -> bytes:
        """The body of the fact of a finding."""
        spec = self.action if found.action is not None else self.unit if found.unit is not None else self.all
        payload = {"detector": (spec or {})["name"], "before": found.before, "after": found.after, "keep": self.keep}
        return orjson.dumps(payload)

    def follow(self, fact: Fact) -> str | None:
        """Hold the next fact of the log against what is pending; what does not fit, if anything."""
        if fact.kind == Kind.DRIFT:
            same = [found for found in self.pending if (found.unit, found.action) == (fact.unit, fact.action)]
            if not same:
                return "it reports a drift that the detectors do not find there"
            self.pending.remove(same[0])
        elif self.pending:
            self.pending.clear()
            return "the detectors find a drift before it, and no fact reports it"
        return None

    def state(self) -> State:
        """What the detectors were fed, the least recently fed first."""
        return {
            "all": _fed(self._all),
            "units": _fed(self._units),
            "actions": _fed(self._actions),
            "pending": [list(found) for found in self.pending],
        }

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        self._all = _made(state["all"], self.all)
        self._units, self._actions = _made(state["units"], self.unit), _made(state["actions"], self.action)
        self.pending = [Drifted(*found) for found in state["pending"]]


def _detector(held: OrderedDict[str, Detector], name: str, spec: Mapping[str, Any], limit: int) -> Detector:
    found = held.get(name)
    if found is not None:
        held.move_to_end(name)
        return found
    new = held[name] = Detector(spec)
    if len(held) > limit:
        held.popitem(last=False)
    return new


def _fed(held: Mapping[str, Detector]) -> list[Any]:
    return [list(held), [np.array(detector.fed, dtype=np.float64) for detector in held.values()]]


def _made(state: Iterable[Any], spec: Mapping[str, Any] | None) -> OrderedDict[str, Detector]:
    names, fed = state
    return OrderedDict(
        (str(name), Detector(spec or {}, values.tolist())) for name, values in zip(names, fed, strict=True)
    )

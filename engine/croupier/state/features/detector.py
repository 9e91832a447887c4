"""A drift detector of River whose state is the sequence of its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from croupier.errors import InputError
from croupier.log.arguments import real
from croupier.log.identifiers import required, shown

MAX_ARGUMENT = 1e9
TRIAL = 128  # inputs with which a detector is tried: some arguments fail only once it has some
MEMORY = 512  # inputs that a detector restarts from, once it has stored twice as many


class Detector:
    """Passes losses to one of River's detectors, and reports when their mean has moved away from 0.

    Half of a detector's state is inside River's compiled code and cannot be read. The stored state is therefore the
    sequence of inputs since the detector was last reset: a new detector with the same inputs is in the same state, bit
    for bit. To bound the memory, a detector that has stored 2·`MEMORY` inputs is restarted from the latest `MEMORY`.

    Args:
        spec: "name", and River's arguments.
        inputs: The inputs of a detector to reproduce.
    """

    __slots__ = ("_river", "_spec", "inputs")

    def __init__(self, spec: Mapping[str, Any], inputs: Iterable[float] = ()) -> None:
        self._spec = spec
        self._reset(inputs)

    def _reset(self, inputs: Iterable[float] = ()) -> None:
        self.inputs: list[float] = []
        self._river = _create(self._spec)
        for value in inputs:
            self.inputs.append(value)
            self._river.update(value)

    def update(self, value: float) -> tuple[float, float] | None:
        """Add a loss; returns the means before and after a change, if the mean has moved away from 0.

        The detector is reset after a change in either direction.
        """
        self.inputs.append(value)
        self._river.update(value)
        if not self._river.drift_detected:
            if len(self.inputs) >= 2 * MEMORY:
                self._reset(self.inputs[-MEMORY:])
            return None
        latest = max(len(self.inputs) // 4, 1)
        before, after = _mean(self.inputs[:-latest]), _mean(self.inputs[-latest:])
        self._reset()
        return (before, after) if abs(after) > abs(before) else None


def _mean(values: list[float]) -> float:
    return sum(values) / max(len(values), 1)


def _create(spec: Mapping[str, Any]) -> Any:
    from river import drift  # the import takes half a second

    classes: Any = {"adwin": drift.ADWIN, "page-hinkley": drift.PageHinkley}  # River annotates only part of it
    arguments = {name: value for name, value in spec.items() if name != "name"}
    return classes[spec["name"]](**arguments)


def check_spec(spec: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Check the description of a detector, or None for no detector. Raises InputError."""
    if spec is None:
        return None
    form = 'give {"name": "adwin" or "page-hinkley"} and River\'s arguments'
    if not isinstance(spec, Mapping):
        raise InputError(f"the detector is {shown(spec)}; {form}")
    checked = {required(name, "an argument of the detector"): value for name, value in spec.items()}
    if not isinstance(name := checked.get("name"), str) or name not in ("adwin", "page-hinkley"):
        raise InputError(f"the detector is {shown(checked)}; {form}")
    for argument, value in checked.items():
        if isinstance(value, str):
            checked[argument] = str.__str__(value)
        elif (converted := real(value)) is None or abs(converted) > MAX_ARGUMENT:
            raise InputError(f"the detector's argument {argument!r} is {shown(value)}; give a finite number")
        else:
            checked[argument] = int(value) if isinstance(value, int | np.integer) else converted
    try:
        trial = _create(checked)
        for step in range(TRIAL):
            trial.update(float(step % 2))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InputError(f"River cannot run the detector {checked!r}: {error}") from error
    return checked

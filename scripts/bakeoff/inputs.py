"""What each contender gets of an event: all of it, flat rows, standardised numbers, or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from bakeoff.environments import Array, Context, Event
from croupier_policies import Actions
from croupier_policies.base import Text

UNIT = "unit"
WORD = re.compile(r"[a-z0-9']+")
FARTHEST = 5.0  # standard deviations


#: The context and the actions of an event, in the form that a contender can read. Called once for each event.
Inputs: TypeAlias = Callable[[Event], tuple[Any, Actions]]


def raw(event: Event) -> tuple[Any, Actions]:
    """The event as an application would send it."""
    return event.context, event.actions


def blind(event: Event) -> tuple[Any, Actions]:
    """Nothing but the names of the actions."""
    return {}, Actions(event.actions.ids)


class Flat:
    """Numbers and strings only; the unit is a string, an action's features are flat too. A single array stays one."""

    def __init__(self) -> None:
        self._actions, self._flat = Actions(()), Actions(())

    def __call__(self, event: Event) -> tuple[Any, Actions]:
        """The event in flat form."""
        if event.actions is not self._actions:
            rows = event.actions.rows
            flat = None if rows is None else tuple(self.row(row) for row in rows)
            self._actions, self._flat = event.actions, Actions(event.actions.ids, flat)
        if event.unit is None:
            return self.row(event.context), self._flat
        return {**dict(flatten(event.context)), UNIT: event.unit}, self._flat

    def row(self, row: Any) -> Any:
        """The flat form of a row."""
        values = list(row.values())
        return values[0].astype(np.float64) if len(values) == 1 and _is_array(values[0]) else dict(flatten(row))


class Standardised(Flat):
    """Flat rows whose numbers are standardised by their running means and standard deviations, within ±5.

    Counts stay as they are, words and tags are 1. Actions' features are not standardised: they come all at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._moments: dict[str, Moments] = {}

    def __call__(self, event: Event) -> tuple[Any, Actions]:
        """The event in flat form, its numbers standardised."""
        context = {name: self._standard(name, value) for name, value in event.context.items()}
        return super().__call__(event._replace(context=context))

    def row(self, row: Any) -> Any:
        """The flat form of a row, always named."""
        return dict(flatten(row))

    def _standard(self, name: str, value: Any) -> Any:
        if isinstance(value, float) or _is_array(value):
            return self._moments.setdefault(name, Moments()).standardise(np.asarray(value, dtype=np.float64))
        return value


class Moments:
    """The running mean and variance of a number, or of each of an array's (Welford)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Array = np.zeros(())
        self._squares: Array = np.zeros(())

    def standardise(self, value: Array) -> Array:
        """Count the value, and return it less the mean, in standard deviations."""
        self._count += 1
        difference = value - self._mean
        self._mean = self._mean + difference / self._count
        self._squares = self._squares + difference * (value - self._mean)
        deviation = np.sqrt(self._squares / self._count)
        scaled = (value - self._mean) / np.where(deviation > 0.0, deviation, 1.0)
        return np.clip(scaled, -FARTHEST, FARTHEST)


def flatten(row: Context) -> Iterator[tuple[str, float | str]]:
    """Every value of a row as named numbers and strings: an array's numbers as name.0, a tag or a word as name=word."""
    for name, value in row.items():
        if isinstance(value, Text):
            yield from ((f"{name}={word}", 1.0) for word in WORD.findall(value.lower()))
        elif isinstance(value, str):
            yield name, value
        elif isinstance(value, Mapping):
            yield from ((f"{name}={key}", float(number)) for key, number in value.items())
        elif isinstance(value, list):
            yield from ((f"{name}={tag}", 1.0) for tag in value)
        elif _is_array(value):
            yield from ((f"{name}.{i}", number) for i, number in enumerate(value.tolist()))
        else:
            yield name, float(value)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 1

"""Checks of the settings of features and detectors. In each function, `argument` names the setting in the message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from croupier.errors import InputError

SCALES = ("standard", "min-max")
ENCODINGS = ("one-hot", "target")


def distinct_names(values: Sequence[str], argument: str) -> tuple[str, ...]:
    """Non-empty strings, none of them twice. Raises InputError."""
    if isinstance(values, str) or not all(isinstance(name, str) and name for name in values):
        raise InputError(f"{argument} is {values!r}; give a list of names")
    if len(set(values)) < len(values):
        raise InputError(f"{argument} contains a name twice: {list(values)}")
    return tuple(values)


def durations(values: Sequence[float], argument: str) -> tuple[float, ...]:
    """Positive numbers of seconds in ascending order. Raises InputError."""
    seconds = tuple(duration(value, argument) for value in values)
    if list(seconds) != sorted(set(seconds)):
        raise InputError(f"{argument} is {list(values)}; give different durations, the shortest first")
    return seconds


def duration(value: Any, argument: str) -> float:
    """A positive number of seconds. Raises InputError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise InputError(f"{argument} is {value!r}; give a positive number of seconds")
    return float(value)


def integer(value: Any, argument: str, minimum: int = 1) -> int:
    """An integer that is at least `minimum`. Raises InputError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise InputError(f"{argument} is {value!r}; give an integer of at least {minimum}")
    return value


def choices(values: Mapping[str, str] | None, allowed: Sequence[str], argument: str) -> dict[str, str]:
    """A mapping from attribute names to one of the allowed options each. Raises InputError."""
    checked = dict(values or {})
    distinct_names(list(checked), argument)
    for name, option in checked.items():
        if option not in allowed:
            raise InputError(f"{argument}[{name!r}] is {option!r}; choose one of {', '.join(allowed)}")
    return checked


def dimensions(values: Mapping[str, int] | None, argument: str) -> dict[str, int]:
    """A mapping from attribute names to numbers of dimensions. Raises InputError."""
    checked = dict(values or {})
    distinct_names(list(checked), argument)
    return {name: integer(size, f"{argument}[{name!r}]") for name, size in checked.items()}

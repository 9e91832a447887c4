"""Checks of the settings of features and detectors. In each function, `argument` names the setting in the message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from croupier.errors import InputError
from croupier.log import arguments
from croupier.log.arguments import real
from croupier.log.identifiers import elements, identifiers, required, shown
from croupier.log.limits import FEATURES

SCALES = ("standard", "min-max")
ENCODINGS = ("one-hot", "target")


MAX_DIMENSIONS = 65_536
MAX_REMEMBERED = 10_000_000  # units, items, values, terms


def distinct_names(values: Any, argument: str) -> tuple[str, ...]:
    """Non-empty strings, none of them twice. Raises InputError."""
    if isinstance(values, str):
        raise InputError(f"{argument} is {values!r}; give a list of names")
    names = tuple(required(name, f"a name in {argument}") for name in identifiers(values, argument, FEATURES))
    if len(set(names)) < len(names):
        raise InputError(f"{argument} contains a name twice: {list(names)}")
    return names


def durations(values: Any, argument: str) -> tuple[float, ...]:
    """Positive numbers of seconds in ascending order. Raises InputError."""
    seconds = tuple(duration(value, argument) for value in elements(values, argument, FEATURES))
    if list(seconds) != sorted(set(seconds)):
        raise InputError(f"{argument} is {list(seconds)}; give different durations, the shortest first")
    return seconds


def duration(value: Any, argument: str) -> float:
    """A positive number of seconds. Raises InputError."""
    seconds = real(value)
    if seconds is None or not 0 < seconds < 1e12:
        raise InputError(f"{argument} is {shown(value)}; give a positive number of seconds")
    return seconds


def integer(value: Any, argument: str, minimum: int = 1, maximum: int = MAX_REMEMBERED) -> int:
    """An integer from `minimum` to `maximum`. Raises InputError."""
    checked: int = arguments.integer(minimum, maximum)(value, argument)
    return checked


def choices(values: Any, allowed: Sequence[str], argument: str) -> dict[str, str]:
    """A mapping from attribute names to one of the allowed options each. Raises InputError."""
    check = arguments.choice(*allowed)
    return {name: check(option, f"{argument}[{name!r}]") for name, option in _named(values, argument).items()}


def dimensions(values: Any, argument: str) -> dict[str, int]:
    """A mapping from attribute names to numbers of dimensions. Raises InputError."""
    return {
        name: integer(size, f"{argument}[{name!r}]", maximum=MAX_DIMENSIONS)
        for name, size in _named(values, argument).items()
    }


def _named(values: Any, argument: str) -> dict[str, Any]:
    """The entries of a mapping, or none for None, by their names as plain strings."""
    given = {} if values is None else arguments.mapping(values, argument)
    return dict(zip(distinct_names(list(given), argument), given.values(), strict=True))

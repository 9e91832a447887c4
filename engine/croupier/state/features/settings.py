"""What is counted, remembered and shown of units and items; checked once, and then plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from croupier.errors import InputError

SCALES = ("standard", "min-max")
CODES = ("one-hot", "target")


def words(given: Sequence[str], what: str) -> tuple[str, ...]:
    """Different non-empty strings."""
    if isinstance(given, str) or not all(isinstance(word, str) and word for word in given):
        raise InputError(f"{what} is {given!r}; give a list of names")
    if len(set(given)) < len(given):
        raise InputError(f"{what} names something twice: {list(given)}")
    return tuple(given)


def durations(given: Sequence[float], what: str) -> tuple[float, ...]:
    """Positive numbers of seconds, in rising order."""
    held = tuple(duration(value, what) for value in given)
    if list(held) != sorted(set(held)):
        raise InputError(f"{what} is {list(given)}; give different durations, the shortest first")
    return held


def duration(given: Any, what: str) -> float:
    """A positive number of seconds."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e12:
        raise InputError(f"{what} is {given!r}; give seconds, more than 0")
    return float(given)


def whole(given: Any, what: str, least: int = 1) -> int:
    """A whole number that is not too small."""
    if isinstance(given, bool) or not isinstance(given, int) or given < least:
        raise InputError(f"{what} is {given!r}; give a whole number, at least {least}")
    return given


def choices(given: Mapping[str, str] | None, allowed: Sequence[str], what: str) -> dict[str, str]:
    """A name of an attribute to one of the allowed ways of taking it."""
    held = dict(given or {})
    words(list(held), what)
    for name, way in held.items():
        if way not in allowed:
            raise InputError(f"{what}[{name!r}] is {way!r}; choose one of {', '.join(allowed)}")
    return held


def sizes(given: Mapping[str, int] | None, what: str) -> dict[str, int]:
    """A name of an attribute to a number of dimensions."""
    held = dict(given or {})
    words(list(held), what)
    return {name: whole(size, f"{what}[{name!r}]") for name, size in held.items()}

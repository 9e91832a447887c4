"""Checks of options by type and range: numbers, switches, choices, objects of a class.

Each function makes a check, which takes a value and the name of the argument, and returns the value in its plain type.
numpy's numbers are numbers; booleans are not.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from croupier.errors import InputError
from croupier.log.identifiers import shown

Check: TypeAlias = Callable[[Any, str], Any]


def integer(low: int, high: int = (1 << 53)) -> Check:
    """A whole number, low ≤ n ≤ high.

    >>> integer(1, 9)(np.int64(3), "k")
    3
    """

    def check(value: Any, argument: str) -> int:
        if type(value) is not int and (isinstance(value, bool) or not isinstance(value, int | np.integer)):
            raise InputError(f"{argument} is {shown(value)}; give a whole number, from {low:,} to {high:,}")
        if not low <= value <= high:
            raise InputError(f"{argument} is {shown(value)}; give a whole number, from {low:,} to {high:,}")
        return int(value)

    return check


def number(low: float, high: float, *, above: bool = False) -> Check:
    """A number, low ≤ x ≤ high; low < x with `above`. An int stays one, because a log may hold it as written.

    >>> number(0, 1)(np.float32(0.5), "share")
    0.5
    """
    wanted = f"number, from {_shown(low)} to {_shown(high)}"
    if above and not low:
        wanted = f"positive number, at most {_shown(high)}"

    def check(value: Any, argument: str) -> float | int:
        converted = real(value)
        if converted is None or not low <= converted <= high or (above and converted == low):
            raise InputError(f"{argument} is {shown(value)}; give a {wanted}")
        return int(value) if isinstance(value, int | np.integer) else converted

    return check


def _shown(bound: float) -> str:
    return f"{bound:,g}" if bound < 1e6 or bound >= 1e15 else f"{bound:,.0f}"


def real(value: Any) -> float | None:
    """The number as a float; None if it is no finite number.

    >>> real(np.float32(0.5)), real(10**400), real(True), real("1")
    (0.5, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted + 0.0 if math.isfinite(converted) else None


def flag(value: Any, argument: str) -> bool:
    """True or False, Python's or numpy's."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{argument} is {shown(value)}; give True or False")
    return bool(value)


def choice(*allowed: str) -> Check:
    """One of some strings."""
    named = ", ".join(f'"{name}"' for name in allowed)

    def check(value: Any, argument: str) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise InputError(f"{argument} is {shown(value)}; choose one of {named}")
        return str.__str__(value)

    return check


def instance(of: type[Any], example: str) -> Check:
    """An object of a class, which is not the class itself."""

    def check(value: Any, argument: str) -> Any:
        if not isinstance(value, of):
            raise InputError(f"{argument} is {shown(value)}; give a {of.__name__}, for example {example}")
        return value

    return check


def function(arguments: int) -> Check:
    """Something that can be called with so many arguments, where that can be told before it is called."""

    def check(value: Any, argument: str) -> Any:
        if not callable(value):
            raise InputError(f"{argument} is {shown(value)}; give a function of {arguments} arguments")
        try:
            signature = inspect.signature(value)
        except (ValueError, TypeError):  # of some functions in C it is unknown
            return value
        try:
            signature.bind(*[None] * arguments)
        except TypeError as error:
            raise InputError(f"{argument} is {shown(value)}; give a function of {arguments} arguments") from error
        return value

    return check


def optional(check: Check) -> Check:
    """None, or what another check accepts."""
    return lambda value, argument: None if value is None else check(value, argument)


def mapping(value: Any, argument: str) -> dict[Any, Any]:
    """A mapping, as a dict."""
    if not isinstance(value, Mapping):
        raise InputError(f"{argument} is {shown(value)}; give a mapping, for example a dict")
    return dict(value)

"""Checks of options by type and range: numbers, switches, choices, objects of a class.

Each function makes a check, which takes a value and the name of the argument, and returns the value in its plain type.
numpy's numbers are numbers; booleans are not.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np

from croupier.errors import InputError
from croupier.log.identifiers import elements, is_storable, shown
from croupier.log.limits import Limit

Check: TypeAlias = Callable[[Any, str], Any]
P = ParamSpec("P")
R = TypeVar("R")


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


def instance(of: type[Any] | tuple[type[Any], ...], example: str) -> Check:
    """An object of a class, or of one of several, which is not the class itself."""
    named = " or a ".join(each.__name__ for each in (of if isinstance(of, tuple) else (of,)))

    def check(value: Any, argument: str) -> Any:
        if not isinstance(value, of):
            raise InputError(f"{argument} is {shown(value)}; give a {named}, for example {example}")
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


def text(value: Any, argument: str) -> str:
    """A string of valid Unicode."""
    if not isinstance(value, str) or not is_storable(value):
        raise InputError(f"{argument} is {shown(value)}; give a string")
    return str.__str__(value)


def each(check: Check, limit: Limit) -> Check:
    """A list of what another check accepts; a collection without an end is not read to it."""
    return lambda value, argument: [
        check(element, f"{argument}[{place}]") for place, element in enumerate(elements(value, argument, limit))
    ]


def checking(checks: Mapping[str, Check]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: the arguments of a function are checked, and converted, by the checks of their names."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature.bind(*args, **kwargs)
            for name in bound.arguments.keys() & checks.keys():
                bound.arguments[name] = checks[name](bound.arguments[name], name)
            return function(*bound.args, **bound.kwargs)

        return checked

    return decorate

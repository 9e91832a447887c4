"""Checks of arguments of plain types, by their annotations."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np

from croupier_policies.errors import PolicyError

P = ParamSpec("P")
R = TypeVar("R")

MAX_INTEGER = 1 << 64
LONGEST_TEXT = 10_000


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """A function that refuses what is not of the plain types in its annotations; numpy's scalars become Python's.

    >>> @checked
    ... def draws(*, epsilon: float = 0.1, size: int = 3): ...
    >>> draws(epsilon="much")
    Traceback (most recent call last):
    croupier_policies.errors.PolicyError: epsilon is a str; give a finite number
    """
    signature = inspect.signature(function)
    annotated = {name: str(parameter.annotation) for name, parameter in signature.parameters.items()}
    checks = {name: _CHECKS[type] for name, type in annotated.items() if type in _CHECKS}
    if not checks:
        return function

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        for name in checks.keys() & bound.arguments.keys():
            bound.arguments[name] = checks[name](name, bound.arguments[name])
        return function(*bound.args, **bound.kwargs)

    return call


def _number(name: str, value: Any) -> float:
    """An int stays one, because a log may hold it as written."""
    number = value.item() if isinstance(value, np.integer | np.floating) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise PolicyError(f"{name} is a {type(value).__name__}; give a finite number")
    if isinstance(number, float) and not math.isfinite(number):
        raise PolicyError(f"{name} must be a finite number, not {number}")
    if isinstance(number, int) and not abs(number) < MAX_INTEGER:
        raise PolicyError(f"{name} must be below 2**64")
    return number


def _integer(name: str, value: Any) -> int:
    number = _number(name, value)
    if number != int(number) or abs(number) >= MAX_INTEGER:
        raise PolicyError(f"{name} is {number:g}; give a whole number below 2**64")
    return int(number)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise PolicyError(f"{name} is a {type(value).__name__}; give True or False")
    return bool(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise PolicyError(f"{name} is a {type(value).__name__}; give a string")
    text = str.__str__(value)
    if "\0" in text or len(text) > LONGEST_TEXT or any("\ud800" <= character <= "\udfff" for character in text):
        raise PolicyError(
            f"{name} has a NUL, a lone surrogate, or more than {LONGEST_TEXT:,} characters, and could not be logged; "
            "give another"
        )
    return text


def _texts(name: str, values: Any) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) > LONGEST_TEXT:
        raise PolicyError(f"{name} is a {type(values).__name__}; give a list of at most {LONGEST_TEXT:,} strings")
    return tuple(_text(name, value) for value in values)


def _optional(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    return lambda name, value: None if value is None else check(name, value)


_PLAIN: dict[str, Callable[[str, Any], Any]] = {"float": _number, "int": _integer, "bool": _flag, "str": _text}
_CHECKS = _PLAIN | {"Sequence[str]": _texts} | {f"{name} | None": _optional(check) for name, check in _PLAIN.items()}

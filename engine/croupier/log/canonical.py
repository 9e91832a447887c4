"""The canonical form of contexts and of actions' features: what the log has, and what policies get.

A value is a number or a string, or several under one name: tags, counts, or an array. Nothing is nested deeper.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from croupier.errors import InputError
from croupier.log.arguments import real
from croupier.log.identifiers import shown
from croupier.log.limits import DEPTH, FEATURES, NAME
from croupier_policies import Row, Text, Value, Vector


def canonical(row: Any, argument: str) -> Row:
    """The canonical form of a context or of an action's features, which the log has and policies get.

    The names of a mapping are sorted. Numbers become 64-bit floats; -0.0 becomes 0.0, and an integer must be
    represented exactly. Booleans become the strings "true" and "false". A `Text` stays one. Several values under one
    name become

    * a list of strings, in the order given; a set, which has no order, is sorted;
    * a dict of counts with sorted names, without those that are 0, since an absent name counts 0;
    * a float64 array, of numbers in a list, tuple or array.

    A field that says nothing is left out: None, an empty list or array, counts without one that is not 0. A 1-D array
    or sequence of numbers in place of a mapping becomes a float64 array.

    Args:
        row: A mapping from names to values, or a 1-D array or sequence of numbers.
        argument: The name of the input in error messages.

    Raises:
        InputError: A number is not finite, a value has another type or is nested deeper, or a name is not a string.

    >>> canonical({"tags": {"sport", "new"}, "basket": {"tea": 2, "milk": 0}, "new": True, "age": None}, "context")
    {'basket': {'tea': 2.0}, 'new': 'true', 'tags': ['new', 'sport']}
    """
    if type(row) is dict or isinstance(row, Mapping):
        return _fields(row, argument)
    if _is_array(row) or _is_list(row):
        return _array(row, argument)
    raise InputError(
        f"{argument} is a {type(row).__name__}; give a mapping of named features or a 1-D array of numbers"
    )


def _is_array(value: Any) -> bool:
    """Whether it is an array of numpy or of a library that numpy reads; a table or series with labels is not."""
    kind = type(value)
    return kind is np.ndarray or (hasattr(kind, "__array__") and not hasattr(kind, "keys"))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


def _fields(row: Mapping[Any, Any], argument: str) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    leaves = len(row)
    _check_count(leaves, argument)
    for name in _sorted_names(row, argument):
        value = row[name]
        if value is None:
            continue
        if type(name) is not str or len(name) * 4 > NAME.maximum:
            name = _name(name, fields, argument)
        convert = _SCALARS.get(type(value))
        converted = _value(value, f"{argument}[{name!r}]") if convert is None else convert(value)
        if converted is None:
            raise _inexact(value, f"{argument}[{name!r}]")
        if convert is None and not isinstance(converted, float | str):
            leaves += len(converted) - 1
            if len(converted) == 0:
                continue
        fields[name] = converted
    if leaves > len(row):
        _check_count(leaves, argument)
    return fields


def _sorted_names(row: Mapping[Any, Any], argument: str) -> list[Any]:
    try:
        return sorted(row)
    except TypeError as error:
        raise InputError(f"{argument} has a name that is not a string; names are strings") from error


def _name(name: Any, known: Mapping[str, Any], argument: str) -> str:
    """A name as a plain string that is not known yet. Raises InputError."""
    if not isinstance(name, str):
        raise InputError(f"{argument} has the name {shown(name)}, a {type(name).__name__}; names are strings")
    exact = str.__str__(name)
    if (size := len(exact.encode(errors="replace"))) > NAME.maximum:
        raise InputError(
            f"{argument} has a name of {size:,} {NAME.unit}, more than the limit of {NAME.maximum:,}: {exact[:60]!r}…; "
            "give a shorter name, and what varies as its value"
        )
    if exact in known:
        raise InputError(f"{argument} has the name {exact!r} twice; give every name once")
    return exact


def _value(value: Any, argument: str) -> Value | None:
    """What is none of Python's scalars: a scalar of numpy, a text, several values. None for an inexact number."""
    if isinstance(value, np.generic):
        value = value.item()
        if (convert := _SCALARS.get(type(value))) is not None:
            return convert(value)
    elif isinstance(value, Text):
        return Text(str.__str__(value))
    elif isinstance(value, Mapping):
        return _counts(value, argument)
    elif isinstance(value, Set):
        _check_count(len(value), argument)
        return sorted(_tags(value, argument))
    elif _is_array(value):
        array = _as_array(value, argument)
        is_numeric = array.dtype.kind not in "UTO" or array.ndim != 1
        return _array(value, argument) if is_numeric else _list(array, argument)
    elif _is_list(value):
        return _list(value, argument)
    raise InputError(
        f"{argument} is a {type(value).__name__}; give a number, a string, a boolean or None, a Text, a list of "
        "strings, an array of numbers, or a mapping of names to numbers"
    )


def _counts(counts: Mapping[Any, Any], argument: str) -> dict[str, float]:
    _check_count(len(counts), argument)
    checked: dict[str, float] = {}
    for name in _sorted_names(counts, argument):
        value = counts[name]
        if isinstance(value, np.generic):
            value = value.item()
        convert = _NUMBERS.get(type(value))
        if convert is None:
            raise InputError(
                f"{argument}[{name!r}] is {shown(value)}, but counts are numbers (an absent name counts 0), and "
                f"{DEPTH.reason}; give the names that are true as a list of strings"
            )
        if type(name) is not str or len(name) * 4 > NAME.maximum:
            name = _name(name, checked, argument)
        number = convert(value)
        if number is None:
            raise _inexact(value, f"{argument}[{name!r}]")
        if number != 0.0:
            checked[name] = number
    return checked


def _list(values: Sequence[Any] | NDArray[Any], argument: str) -> list[str] | Vector:
    """The tags or the numbers of a list."""
    _check_count(len(values), argument)
    kinds = {*map(type, values)}
    if any(issubclass(kind, str) for kind in kinds):
        return _tags(values, argument)
    if any(issubclass(kind, Mapping | Set | Sequence | np.ndarray) for kind in kinds):
        raise InputError(f"{argument} is a list of lists or mappings, and {DEPTH.reason}")
    return _array(values, argument)


def _tags(values: Iterable[Any], argument: str) -> list[str]:
    tags = []
    for value in values:
        if not isinstance(value, str) or isinstance(value, Text):
            raise InputError(
                f"{argument} contains {shown(value)} of type {type(value).__name__}, but tags are plain strings: no "
                "model could tell what it means beside them; give texts and numbers under names of their own"
            )
        tags.append(str.__str__(value))
    return tags


def _array(values: Any, argument: str) -> Vector:
    array = _as_array(values, argument)
    if array.ndim != 1:
        raise InputError(f"{argument} has {array.ndim} dimensions; give one row, a 1-D array")
    _check_count(array.shape[0], argument)
    if array.dtype != np.float64:
        array = _as_floats(array, argument)
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise InputError(f"{argument} has masked values, which would be read as numbers; fill them or leave them out")
    clean = np.empty(array.shape[0])
    if not _copy(array, clean):
        indices = np.flatnonzero(~np.isfinite(array)).tolist()
        raise InputError(
            f"{argument} is not finite at the indices {indices[:5]}: learning it would make every later estimate NaN; "
            "leave such rows out"
        )
    return clean


def _as_array(values: Any, argument: str) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # RuntimeError: of a tensor with gradients
        raise InputError(f"{argument} is not an array of numbers: {error}") from error


def _as_floats(array: NDArray[Any], argument: str) -> Vector:
    """The numbers of an array of another type. Raises InputError where text, dates or objects are among them."""
    if array.dtype.kind in "biu" or array.shape[0] == 0:
        return array.astype(np.float64)
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as such
            return array.astype(np.float64)
    if array.dtype.kind == "O":
        numbers = [real(value) for value in array]
        if None not in numbers:
            return np.array(numbers, dtype=np.float64)
        array = array[[number is None for number in numbers]]
    raise InputError(
        f"{argument} is not an array of numbers: it contains {shown(array.tolist()[0])}; give numbers, or a mapping "
        "of named features"
    )


def _check_count(count: int, argument: str) -> None:
    if count > FEATURES.maximum:
        raise InputError(
            f"{argument} has {count:,} features, more than the limit of {FEATURES.maximum:,} ({FEATURES.reason}); give "
            "fewer, or an embedding of them"
        )


@numba.njit(cache=True)
def _copy(array: Vector, out: Vector) -> bool:
    """Copy an array, -0.0 as 0.0; returns whether all values are finite."""
    finite = True
    for i in range(array.shape[0]):
        out[i] = array[i] + 0.0
        finite = finite and np.isfinite(array[i])
    return finite


def _inexact(value: Any, argument: str) -> InputError:
    return InputError(
        f"{argument} = {shown(value)} is not a finite number that a 64-bit float represents exactly; leave it out, or "
        "give an identifier as a string"
    )


def _float(value: float) -> float | None:
    return value + 0.0 if math.isfinite(value) else None


def _integer(value: int) -> float | None:
    return float(value) if abs(value) <= 1 << 53 else None


_NUMBERS: dict[type, Callable[[Any], float | None]] = {float: _float, int: _integer}
_SCALARS: dict[type, Callable[[Any], float | str | None]] = {
    **_NUMBERS,
    bool: lambda value: "true" if value else "false",
    str: lambda value: value,
}

"""Checks of ids, units, keys and names, one or many: strings that every store can hold, whatever they came in."""

from __future__ import annotations

from collections.abc import Iterable, KeysView, Mapping, Set
from itertools import islice
from typing import Any

from croupier.errors import InputError
from croupier.log.limits import ACTIONS, ITEMS, NAME, Limit


def text(value: Any, argument: str, limit: Limit = NAME) -> str | None:
    """A non-empty string without NUL and within the limit, or None. Raises InputError.

    >>> text("u1", "unit")
    'u1'
    """
    if value is None:
        return None
    maximum = limit.maximum
    if type(value) is str and 0 < len(value) <= maximum and value.isascii() and "\0" not in value:
        return value
    if not isinstance(value, str):
        raise InputError(f"{argument} is {shown(value)}; give a non-empty string without NUL")
    exact = str.__str__(value)  # numpy's str_ or an enumeration's member become what the store returns
    if not exact or "\0" in exact:
        raise InputError(f"{argument} is {shown(exact)}; give a non-empty string without NUL")
    try:
        size = len(exact.encode())
    except UnicodeEncodeError as error:
        raise InputError(
            f"{argument} is {shown(exact)}, which contains half of a surrogate pair and is not valid Unicode; remove it"
        ) from error
    if size > maximum:
        raise InputError(
            f"{argument} is {shown(exact)} with {size:,} {limit.unit}, more than the limit of {maximum:,} "
            f"({limit.reason}); give a shorter one, for example a hash"
        )
    return exact


def required(value: Any, argument: str, limit: Limit = NAME) -> str:
    """As `text`, but None is refused too."""
    checked = text(value, argument, limit)
    if checked is None:
        raise InputError(f"{argument} is None; give a non-empty string")
    return checked


def is_storable(value: Any) -> bool:
    """Whether a store could hold a value as an id or key, so that looking it up makes sense."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def shown(value: Any) -> str:
    """A value as a message shows it: short, and with its type unless that is obvious.

    >>> shown("u1"), shown(["a"]), shown(10**5000)
    ("'u1'", "['a'] (list)", 'an int')
    """
    if isinstance(value, str):
        exact = str.__str__(value)
        return repr(exact) if len(exact) <= 60 else f"{exact[:60]!r}…"
    try:
        written = repr(value)
    except Exception:  # of the value's own code, or of an integer too long to print; the type is said in any case
        return f"an {type(value).__name__}" if type(value).__name__[:1] in "aeiou" else f"a {type(value).__name__}"
    written = written if len(written) <= 60 else f"{written[:60]}…"
    return written if value is None or isinstance(value, int | float) else f"{written} ({type(value).__name__})"


def elements(values: Any, argument: str, limit: Limit) -> list[Any]:
    """The elements of a collection of ids, read once: a list, set, array, Series, generator, …: anything but text.

    Raises:
        InputError: It is no collection, its order or content would be ambiguous, or it has no end.
    """
    if isinstance(values, str | bytes | bytearray | memoryview):
        raise InputError(
            f"{argument} is a {'string' if isinstance(values, str) else type(values).__name__}; give a collection of "
            "ids, a single id in a list"
        )
    if isinstance(values, Mapping):
        raise InputError(f"{argument} is a mapping, whose values would be ignored; give a list of its keys")
    if not isinstance(values, Iterable) or _dimensions(values) != 1:
        raise InputError(f"{argument} is {shown(values)}; give a collection of {limit.unit}, for example a list")
    read = list(islice(iter(values), limit.maximum + 1))
    if len(read) > limit.maximum:
        raise InputError(f"{argument} has more than {limit.maximum:,} {limit.unit}: {limit.reason}. Give fewer")
    return read


def _dimensions(values: Any) -> Any:
    """The number of axes of an array or a data frame, over whose rows or columns iteration would go; 1 for a list."""
    return getattr(values, "ndim", 1)


def identifiers(values: Any, argument: str, limit: Limit = ITEMS) -> list[str]:
    """The strings of a collection, as they are. Raises InputError for an element of another type, naming it."""
    read = elements(values, argument, limit)
    for type_ in {*map(type, read)} - {str}:
        if not issubclass(type_, str):
            example = next(value for value in read if type(value) is type_)
            raise InputError(
                f"{argument} contains {shown(example)}, a {type_.__name__}: ids are strings, and it would equal none "
                "of them; give the id as the string that names the action"
            )
    return [str.__str__(value) for value in read]


def exclusions(values: Any) -> Set[str]:
    """The ids that may not be chosen. Raises InputError unless each is a string.

    >>> sorted(exclusions(id for id in ("b", "a")))
    ['a', 'b']
    """
    if type(values) is tuple and not values:
        return frozenset()
    return frozenset(identifiers(values, "exclude"))


def action_id(id: Any) -> str:
    """The id of an action. Raises InputError."""
    if type(id) is str and 0 < len(id) <= NAME.maximum and id.isascii() and "\0" not in id:
        return id
    if not isinstance(id, str) or not id or "\0" in id:
        raise InputError(f"the action id {shown(id)} is not a non-empty string without NUL; name actions by strings")
    return required(id, "the action id")


def action_ids(actions: Any, limit: Limit = ACTIONS) -> tuple[Any, ...]:
    """The elements of a collection of actions, a set in sorted order, so that the same set is the same question."""
    if type(actions) is list or type(actions) is tuple:
        if len(actions) > limit.maximum:
            elements(actions, "actions", limit)
        return tuple(actions)
    if isinstance(actions, Set) and not isinstance(actions, KeysView):  # the keys of a mapping have an order
        return tuple(sorted(identifiers(actions, "actions", limit)))
    return tuple(elements(actions, "actions", limit))

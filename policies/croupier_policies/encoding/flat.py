"""Rows with several values under a name as flat rows of named numbers and strings, for models that read those."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from croupier_policies.base import UNIT, Row, Text, Value, Vector

#: Named numbers and strings, or one float64 array.
FlatRow: TypeAlias = "Mapping[str, float | str] | Vector"
_FLAT = frozenset({float, str})
_WORD = re.compile(r"\w+")


def flat_row(row: Row) -> FlatRow:
    """The row with one number or string under every name; a row that is flat already is returned as it is.

    A tag t under a name n becomes "n=t": "true", a count c of k becomes "n.k": c, the i-th number of an array "n[i]",
    and a word w of a `Text` "n=w": "true", once for every word (see `words`). Of two features with one name the later
    one counts; in a canonical row a field that is itself named so comes later. The unit, in the field `UNIT`, is left
    out: a column for each user would leave no room for what the users do.

    >>> flat_row({"basket": {"tea": 2.0}, "tags": ["new"], "title": Text("Tea!"), "v": np.array([0.5])})
    {'basket.tea': 2.0, 'tags=new': 'true', 'title=tea': 'true', 'v[0]': 0.5}
    """
    if isinstance(row, np.ndarray) or (_FLAT.issuperset(map(type, row.values())) and UNIT not in row):
        return row  # type: ignore[return-value] # the types of its values were compared
    flat: dict[str, float | str] = {}
    for name, value in row.items():
        if name != UNIT:
            flat.update(_leaves(name, value))
    return flat


def words(text: str) -> list[str]:
    r"""The words of a text, as every flat model reads it: what matches `\w+` in Unicode, in lower case.

    >>> words("L'été, 25 °C!")
    ['l', 'été', '25', 'c']
    """
    return _WORD.findall(text.lower())


def _leaves(name: str, value: Value) -> Iterable[tuple[str, float | str]]:
    if isinstance(value, np.ndarray):
        return zip(_places(name, len(value)), value.tolist(), strict=True)
    if isinstance(value, dict):
        return [(f"{name}.{key}", count) for key, count in value.items()]
    if isinstance(value, list | Text):
        return [(f"{name}={tag}", "true") for tag in (words(value) if isinstance(value, Text) else value)]
    return ((name, value),)


@lru_cache(maxsize=64)
def _places(name: str, size: int) -> tuple[str, ...]:
    return tuple(f"{name}[{i}]" for i in range(size))

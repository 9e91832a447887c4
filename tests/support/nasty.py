"""Values that an application passes by mistake or in malice, by name; for tests of what leaves a public function."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import itertools
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from croupier import CroupierError
from croupier_policies import PolicyError


class ApplicationError(Exception):
    """What the application's own objects raise; it may leave a call as it is."""


#: What may leave a public function for any argument at all.
ALLOWED = (CroupierError, PolicyError, ApplicationError)

#: Examples of all tests with these values; `make fuzz` gives more.
EXAMPLES = int(os.environ.get("CROUPIER_FUZZ_EXAMPLES", "500"))


def share(of: float) -> Callable[[Any], Any]:
    """Settings of hypothesis for a share of the examples."""
    return settings(
        max_examples=max(int(of * EXAMPLES), 1),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def _fail(*_: Any, **__: Any) -> NoReturn:
    raise ApplicationError


class Hostile:
    """An object whose every operation fails."""

    __eq__ = __hash__ = __len__ = __iter__ = __bool__ = __contains__ = __getitem__ = _fail
    __float__ = __int__ = __index__ = __str__ = __repr__ = __array__ = __call__ = _fail
    __lt__ = __gt__ = __le__ = __ge__ = __add__ = __radd__ = __abs__ = _fail


class Unprintable:
    """An object whose representation fails."""

    __repr__ = __str__ = _fail


class FailsHalfway:
    """A collection that fails after its first element."""

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[str]:
        yield "a"
        raise ApplicationError


class FailingMapping(Mapping[str, Any]):
    """A mapping whose values cannot be read."""

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __getitem__(self, name: str) -> Any:
        raise ApplicationError


class Liar(str):
    """A string that equals everything and hashes as another."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7


class Colour(enum.StrEnum):
    """Members are strings."""

    RED = "red"


def _circular() -> list[Any]:
    inside: list[Any] = []
    inside.append(inside)
    return inside


def _deep(levels: int = 2_000) -> Any:
    value: Any = 1.0
    for _ in range(levels):
        value = [value]
    return value


def _deep_mapping(levels: int = 2_000) -> Any:
    value: Any = 1.0
    for _ in range(levels):
        value = {"a": value}
    return value


NUMBERS: dict[str, Callable[[], Any]] = {
    "zero": lambda: 0,
    "minus zero": lambda: -0.0,
    "minus one": lambda: -1,
    "one and a half": lambda: 1.5,
    "true": lambda: True,
    "numpy's true": lambda: np.True_,
    "NaN": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "minus infinity": lambda: float("-inf"),
    "numpy's NaN": lambda: np.float64("nan"),
    "the smallest float": lambda: 5e-324,
    "the largest float": lambda: 1.7976931348623157e308,
    "10**400": lambda: 10**400,
    "-10**400": lambda: -(10**400),
    "10**5000": lambda: 10**5000,  # too long to print
    "2**63": lambda: 2**63,
    "2**64": lambda: 2**64,
    "numpy's int": lambda: np.int64(3),
    "numpy's largest unsigned": lambda: np.uint64(2**64 - 1),
    "numpy's half": lambda: np.float16(0.5),
    "numpy's long double": lambda: np.longdouble("1e4000"),
    "complex": lambda: 1j,
    "numpy's complex": lambda: np.complex128(1j),
    "decimal": lambda: decimal.Decimal("0.5"),
    "decimal's signalling NaN": lambda: decimal.Decimal("sNaN"),
    "fraction": lambda: fractions.Fraction(1, 3),
    "milliseconds": lambda: 1_764_000_000_000,
    "nanoseconds": lambda: 1_764_000_000_000_000_000,
}
TEXTS: dict[str, Callable[[], Any]] = {
    "empty": lambda: "",
    "a blank": lambda: " ",
    "NUL": lambda: "a\0b",
    "half of a surrogate pair": lambda: "\ud800",
    "the other half": lambda: "a\udfff",
    "a line break": lambda: "a\nb",
    "right to left": lambda: "\u202eabc",
    "6 kB": lambda: "k" * 6_000,
    "1 kB of four bytes each": lambda: "\U0001f600" * 1_024,
    "2 MB": lambda: "x" * 2_000_000,
    "a number": lambda: "1",
    "a quote": lambda: "'; drop table facts; --",
    "numpy's str": lambda: np.str_("a"),
    "a member of an enumeration": lambda: Colour.RED,
    "a string that lies": lambda: Liar("a"),
    "bytes": lambda: b"a",
    "bytes that are not UTF-8": lambda: b"\xff\xfe",
    "bytearray": lambda: bytearray(b"a"),
    "memoryview": lambda: memoryview(b"a"),
}
TIMES: dict[str, Callable[[], Any]] = {
    "a date": lambda: datetime.date(2026, 1, 1),
    "a time without zone": lambda: datetime.datetime(2026, 1, 1),
    "a time with zone": lambda: datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    "the first time with a zone": lambda: datetime.datetime.min.replace(tzinfo=datetime.UTC),
    "a duration": lambda: datetime.timedelta(days=1),
    "numpy's time": lambda: np.datetime64("2026-01-01"),
    "numpy's missing time": lambda: np.datetime64("NaT"),
    "pandas' time": lambda: pd.Timestamp("2026-01-01", tz="Europe/Berlin"),
    "pandas' time without zone": lambda: pd.Timestamp("2026-01-01"),
    "pandas' missing time": lambda: pd.NaT,
}
COLLECTIONS: dict[str, Callable[[], Any]] = {
    "an empty list": list,
    "an empty tuple": tuple,
    "an empty dict": dict,
    "an empty set": set,
    "a list of one": lambda: ["a"],
    "a list of numbers": lambda: [1, 2],
    "a list of None": lambda: [None],
    "a list of mixed": lambda: ["a", 1, None, 2.5],
    "a list of lists": lambda: [["a"], ["b"]],
    "a list of NaN": lambda: [float("nan"), 1.0],
    "a list of huge integers": lambda: [10**400, 1],
    "a list with half of a surrogate pair": lambda: ["a", "\ud800"],
    "a ragged list": lambda: [[1.0], [1.0, 2.0]],
    "a list in itself": _circular,
    "2,000 lists in each other": _deep,
    "2,000 dicts in each other": _deep_mapping,
    "a set": lambda: {"b", "a"},
    "a frozenset of mixed": lambda: frozenset({"a", 1}),
    "a dict's keys": lambda: {"b": 1, "a": 2}.keys(),
    "a dict's items": lambda: {"a": 1}.items(),
    "a dict": lambda: {"a": 1.0},
    "a dict with a number as name": lambda: {1: 1.0},
    "a dict with None as name": lambda: {None: 1.0},
    "a dict with a tuple as name": lambda: {("a", 1): 1.0},
    "a dict of mixed names": lambda: {1: 1.0, "a": 1.0},
    "a dict of dicts": lambda: {"a": {"b": {"c": 1.0}}},
    "a dict of NaN": lambda: {"a": float("nan")},
    "a dict of huge integers": lambda: {"a": 10**400},
    "a dict with a surrogate as name": lambda: {"\ud800": 1.0},
    "a dict with a surrogate as value": lambda: {"a": "\ud800"},
    "a dict with a long name": lambda: {"n" * 6_000: 1.0},
    "a dict with a lying name": lambda: {Liar("a"): 1.0, "a": 2.0},
    "a dict with a type": lambda: {"name": "adwin", "delta": float("nan")},
    "a dict of bytes": lambda: {"a": b"b"},
    "a dict with a date": lambda: {"a": datetime.datetime(2026, 1, 1)},
    "a generator": lambda: (name for name in ("a", "b")),
    "a generator of numbers": lambda: (number for number in (1, 2)),
    "an endless generator": lambda: itertools.repeat("a"),
    "a range": lambda: range(3),
    "a map": lambda: map(str, [1, 2]),
    "an array": lambda: np.array(["a", "b"]),
    "an array of numbers": lambda: np.array([1.0, 2.0]),
    "an array of no axis": lambda: np.array(1.0),
    "an array of two axes": lambda: np.zeros((2, 2)),
    "an array of objects": lambda: np.array(["a", None, 1.0], dtype=object),
    "an array of NaN": lambda: np.array([np.nan]),
    "an array of complex numbers": lambda: np.array([1j]),
    "an array of dates": lambda: np.array(["2026-01-01"], dtype="datetime64[D]"),
    "an array of records": lambda: np.zeros(2, dtype=[("a", float), ("b", int)]),
    "an array of bytes": lambda: np.array([b"a"]),
    "an array without end": lambda: np.broadcast_to(1.0, (10**12,)),
    "a masked array": lambda: np.ma.masked_array([1.0, 2.0], mask=[False, True]),
    "an array of the other byte order": lambda: np.array([1.0, 2.0], dtype=">f8"),
    "pandas' Series": lambda: pd.Series(["a", "b"]),
    "pandas' Series with missing values": lambda: pd.Series(["a", None, pd.NA]),
    "pandas' Series by name": lambda: pd.Series([1.0, 2.0], index=["a", "b"]),
    "pandas' Index": lambda: pd.Index(["a", "b"]),
    "pandas' Categorical": lambda: pd.Categorical(["a", "b"]),
    "pandas' DataFrame": lambda: pd.DataFrame({"a": [1.0], "b": [2.0]}),
    "pandas' missing value": lambda: pd.NA,
}
OBJECTS: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "an object": object,
    "a class": lambda: dict,
    "a function": lambda: len,
    "a module": lambda: np,
    "an exception": lambda: ValueError("x"),
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "a path": lambda: pathlib.Path("no such file"),
    "a slice": lambda: slice(1),
    "hostile": Hostile,
    "unprintable": Unprintable,
    "a list of hostile objects": lambda: [Hostile()],
    "a dict of hostile objects": lambda: {"a": Hostile()},
    "a list of unprintable objects": lambda: [Unprintable()],
    "a collection that fails halfway": FailsHalfway,
    "a mapping that fails": FailingMapping,
}
#: Every value by name: each is made anew, because some are read once.
NASTY: dict[str, Callable[[], Any]] = {**NUMBERS, **TEXTS, **TIMES, **COLLECTIONS, **OBJECTS}

#: The name of a value and a way to make it.
nasty_names = st.sampled_from(sorted(NASTY))

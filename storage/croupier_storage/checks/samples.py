# ruff: noqa: S101  (these are tests: they assert)
"""Sample facts, and the base class of the checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from croupier_storage.base import Storage
from croupier_storage.errors import StorageError
from croupier_storage.facts import Fact, Kind


def decision(position: int, *, as_of: int = 0, context: bytes | None = b"\x00\xff") -> Fact:
    """A decision with a value in every field that it may have."""
    return Fact(
        position,
        Kind.DECISION,
        1.7e9 + position / 3,
        id=f"d{position}",
        unit="user-Ω",
        action="sale",
        propensity=1 / 3,
        as_of=as_of,
        policy=1,
        context=context,
        actions=b"set",
        key=f"k{position}",
        body=b"{}",
    )


def reward(position: int, of: int, value: float = 1.0) -> Fact:
    """A reward; most of its fields are None."""
    return Fact(position, Kind.REWARD, 1.7e9, decision=of, reward=value)


def assert_raises(error: type[StorageError], call: Callable[[], object]) -> StorageError:
    """Assert that a call raises this error with a message; returns the error."""
    try:
        call()
    except error as raised:
        refusal = raised
    else:
        raise AssertionError(f"{error.__name__} was not raised")
    assert str(refusal)
    return refusal


class StorageChecks(ABC):
    """The base class of all checks."""

    @abstractmethod
    def open(self) -> Storage:
        """A new store without facts."""

    def append_pairs(self, storage: Storage, pairs: int) -> list[Fact]:
        """Append pairs of a decision and its reward in one call; returns the facts."""
        start = storage.head()
        facts: list[Fact] = []
        for place in range(start + 1, start + 2 * pairs, 2):
            facts += [decision(place, as_of=max(0, place - 2)), reward(place + 1, place)]
        storage.append(facts, {})
        return facts

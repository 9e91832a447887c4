# ruff: noqa: S101  (these are tests: asserting is their work)
"""The facts that the checks append, and how they open a store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from croupier_storage.base import Storage
from croupier_storage.errors import StorageError
from croupier_storage.facts import Fact, Kind


def decision(position: int, *, as_of: int = 0, context: bytes | None = b"\x00\xff") -> Fact:
    """A decision of which every field that it may have has a value."""
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
    """A reward, of which most fields are absent."""
    return Fact(position, Kind.REWARD, 1.7e9, decision=of, reward=value)


def assert_raises(error: type[StorageError], call: Callable[[], object]) -> StorageError:
    """The error that the call must raise, whose message must not be empty."""
    try:
        call()
    except error as raised:
        refusal = raised
    else:
        raise AssertionError(f"{error.__name__} was not raised")
    assert str(refusal)
    return refusal


class StorageChecks(ABC):
    """What every part of the suite builds on."""

    @abstractmethod
    def open(self) -> Storage:
        """A new store without any fact."""

    def append_pairs(self, storage: Storage, pairs: int) -> list[Fact]:
        """Append pairs of a decision and its reward in one go, and return them."""
        start = storage.head()
        facts: list[Fact] = []
        for place in range(start + 1, start + 2 * pairs, 2):
            facts += [decision(place, as_of=max(0, place - 2)), reward(place + 1, place)]
        storage.append(facts, {})
        return facts

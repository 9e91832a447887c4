"""A mapping that keeps the latest entries."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The `capacity` entries last put in; older ones fall out.

    >>> recent = Recent(1)
    >>> recent.put("a", 1); recent.put("b", 2)
    >>> recent.get("a"), recent.get("b")
    (None, 2)
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._entries: OrderedDict[K, V] = OrderedDict()
        self.get = self._entries.get  # bound once: it is on the way of every event
        self.clear = self._entries.clear
        self.pop = self._entries.pop

    def put(self, key: K, value: V) -> None:
        """Add an entry; the oldest falls out where there are too many."""
        self._entries[key] = value
        if len(self._entries) > self.capacity:
            self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)

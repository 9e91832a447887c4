"""A mapping of bounded size with first-in, first-out eviction."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class FIFOCache(Generic[K, V]):
    """A mapping that evicts the oldest entry when it is full, whether that entry has been read or not.

    Args:
        capacity: The largest number of entries.

    >>> cache = FIFOCache(1)
    >>> cache.put("a", 1); cache.put("b", 2)
    >>> cache.get("a"), cache.get("b")
    (None, 2)
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._entries: OrderedDict[K, V] = OrderedDict()
        self.get = self._entries.get  # bound once, because every event calls it
        self.clear = self._entries.clear
        self.pop = self._entries.pop

    def put(self, key: K, value: V) -> None:
        """Add an entry, and evict the oldest one if there are more than `capacity`."""
        self._entries[key] = value
        if len(self._entries) > self.capacity:
            self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)

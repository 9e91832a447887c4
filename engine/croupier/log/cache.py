"""A mapping of bounded size: first in, first out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class FIFOCache(Generic[K, V]):
    """The `capacity` entries added last; the oldest is evicted first, whether it was read since or not.

    >>> cache = FIFOCache(1)
    >>> cache.put("a", 1); cache.put("b", 2)
    >>> cache.get("a"), cache.get("b")
    (None, 2)
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._entries: OrderedDict[K, V] = OrderedDict()
        self.get = self._entries.get  # bound once: it is on the way of every event
        self.clear = self._entries.clear
        self.pop = self._entries.pop

    def put(self, key: K, value: V) -> None:
        """Add an entry; the oldest is evicted above the capacity."""
        self._entries[key] = value
        if len(self._entries) > self.capacity:
            self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)

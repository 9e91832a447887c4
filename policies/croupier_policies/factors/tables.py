"""Parameter rows by name, for users or items."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import shake_128

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import Finding, Reason, State, Vector


class RowTable:
    """A row of `width` numbers for each name, in order of addition; at most `limit` rows.

    >>> table = RowTable(2, limit=1)
    >>> table.add("a"), table.add("b"), table.find("b"), table.ignored
    (0, -1, -1, 1)
    """

    def __init__(self, width: int, limit: int) -> None:
        self.width, self.limit = width, limit
        self.ignored = 0  # the number of times a name was refused
        self._slots: dict[str, int] = {}
        self._allocate(np.zeros((0, width)), np.zeros(0, dtype=np.int64))

    def _allocate(self, values: Vector, seen: NDArray[np.int64]) -> None:
        room = max(16, 2 * len(values))
        self.values, self.seen = np.zeros((room, self.width)), np.zeros(room, dtype=np.int64)
        self.values[: len(values)], self.seen[: len(seen)] = values, seen

    def find(self, name: str) -> int:
        """The slot of a name; -1 if it has none."""
        return self._slots.get(name, -1)

    def add(self, name: str, row: Vector | None = None) -> int:
        """The slot of a name, added with this row or zeros if it has none; -1 if the table is full."""
        slot = self._slots.get(name, -1)
        if slot >= 0:
            return slot
        if len(self._slots) >= self.limit:
            self.ignored += 1
            return -1
        slot = len(self._slots)
        if slot == len(self.values):
            self._allocate(self.values, self.seen)
        self._slots[name] = slot
        if row is not None:
            self.values[slot] = row
        return slot

    @property
    def names(self) -> Sequence[str]:
        """The names in order of their slots."""
        return list(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def findings(self, nouns: str) -> list[Finding]:
        """The finding that names were refused, if any were; `nouns` says what they name."""
        if not self.ignored:
            return []
        text = (
            f"{self.ignored} rewards came from {nouns} for which there is no row: all {self.limit} are in use, and "
            "nothing is learned of new ones; open the store with a larger limit and replay=True"
        )
        return [Finding(Reason.NAMES_WITHOUT_ROOM, self.ignored, (nouns,), text)]

    def state(self) -> State:
        """Names and rows, as plain data."""
        count = len(self._slots)
        values, seen = self.values[:count].copy(), self.seen[:count].copy()
        return {"names": list(self._slots), "values": values, "seen": seen, "ignored": self.ignored}

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`."""
        self._slots.clear()
        self._slots.update({name: slot for slot, name in enumerate(state["names"])})
        self.ignored = state["ignored"]
        self._allocate(state["values"], state["seen"])


def hashed_factors(name: str, domain: str, seed: int, count: int, spread: float) -> Vector:
    """`count` uniform numbers with mean 0 and standard deviation `spread`, derived by hashing a name.

    Factors that started at 0 would stay there, since the gradient of each is proportional to the other.

    >>> bool(abs(hashed_factors("u1", "user", 0, 4, 0.1)).max() < 0.18)
    True
    """
    raw = shake_128(f"{seed} {domain} {name}".encode()).digest(8 * count)
    uniform = (np.frombuffer(raw, dtype="<u8") >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return np.asarray(spread * 12.0**0.5 * (uniform - 0.5))

"""Groups of facts that a database server has committed and may still lose; they are written again from memory."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence

from croupier_storage import Fact, Storage

MARGIN = 1.0  # seconds for which a group is kept beyond the time that the server promises
_log = logging.getLogger("croupier")


class UnflushedGroups:
    """The last groups committed, kept for as long as a server that is killed may lose them.

    Args:
        storage: Where they were written; its `loss_window` says for how long they are kept, if at all.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage, self._window, self._opened = storage, storage.loss_window, storage.head()
        self._groups: deque[tuple[float, Sequence[Fact], Mapping[bytes, bytes]]] = deque()

    def retain(self, group: Sequence[Fact], sets: Mapping[bytes, bytes]) -> None:
        """Keep a group that was committed, and drop those that the server has written by now."""
        if self._window:
            now = time.monotonic()
            self._groups.append((now, group, sets))
            while self._groups[0][0] < now - self._window - MARGIN:
                self._groups.popleft()

    def restore(self, committed: int) -> None:
        """Write again what the server has lost of the facts up to `committed`, if all of it is here.

        It is not where another writer has appended meanwhile; then the next append tells.
        """
        if not self._window or (head := self._storage.head()) >= committed:
            return
        lost = [fact for _, group, _ in self._groups for fact in group if fact.position > head]
        if len(lost) == committed - head and self._is_ours(head):
            self._storage.append(lost, {key: body for *_, sets in self._groups for key, body in sets.items()})
            _log.warning("the server had lost its last %d facts; they are written again", len(lost))

    def _is_ours(self, head: int) -> bool:
        """Whether the log ends with what was written here, or with what it held at the beginning."""
        written = [fact for _, group, _ in self._groups for fact in group if fact.position == head]
        return head == self._opened or self._storage.facts_at([head]).get(head) in written

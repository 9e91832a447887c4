"""A pool of connections that an interrupted caller cannot leave locked."""

from __future__ import annotations

from collections import deque
from typing import Any

from sqlalchemy.pool import ConnectionPoolEntry, Pool


class AtomicPool(Pool):
    """Keeps idle connections in a deque, whose `append` and `pop` the interpreter runs as one.

    SQLAlchemy's own queue holds a condition of `threading` while it hands out a connection. An exception that a signal
    raises just then (Ctrl-C, a timeout) would leave it locked, and every other thread of the store would wait for ever.
    There is no upper limit: a thread uses one connection at a time, so there are as many as threads at work at once.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._idle: deque[ConnectionPoolEntry] = deque()

    def _do_get(self) -> ConnectionPoolEntry:
        try:
            return self._idle.pop()
        except IndexError:
            return self._create_connection()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        self._idle.append(record)

    def dispose(self) -> None:
        """Close the idle connections; those in use are closed when they come back to a pool that is gone."""
        while self._idle:
            self._idle.pop().close()

    def recreate(self) -> AtomicPool:
        """An empty pool with the same options, for `Engine.dispose`."""
        return type(self)(
            self._creator,
            recycle=self._recycle,
            echo=self.echo,
            logging_name=self._orig_logging_name,
            reset_on_return=self._reset_on_return,
            pre_ping=self._pre_ping,
            _dispatch=self.dispatch,
            dialect=self._dialect,
        )

    def status(self) -> str:
        """In words."""
        return f"AtomicPool with {len(self._idle)} idle connections"

"""Exceptions raised at a chosen point inside the engine, as Ctrl-C or a timeout would raise them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Literal

PLACES = ("croupier", "threading", "contextlib", "sqlalchemy")


class Interrupter:
    """Raises `KeyboardInterrupt` at the n-th entry of a function, or at the n-th line, within a block.

    Only functions of Croupier, of SQLAlchemy and of the two modules of the standard library that hold locks count.
    """

    def __init__(self, event: Literal["call", "line"] = "call") -> None:
        self.event, self.where = event, ""
        self._left = 0

    @contextmanager
    def at(self, n: int) -> Iterator[None]:
        """Raise at the n-th event of the block, if it has so many."""
        self._left, self.where = n, ""
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if not any(place in frame.f_code.co_filename for place in PLACES):
            return None
        if event == self.event and self._left:
            self._left -= 1
            if not self._left:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
                sys.settrace(None)
                raise KeyboardInterrupt
        return self._trace if self.event == "line" else None


def interrupt(process: subprocess.Popen[bytes], within: float = 60.0) -> None:
    """SIGINT until the process ends: a library that is just compiling or importing may catch the first one."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=3.0)
        except subprocess.TimeoutExpired:
            continue
        return
    process.kill()
    raise AssertionError(f"the process did not end within {within:g} seconds of its first SIGINT")

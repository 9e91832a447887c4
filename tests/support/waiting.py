"""Waiting for what another thread or a store that comes back brings about."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(happened: Callable[[], bool], within: float = 30.0) -> None:
    """Ask again and again until it has happened; fails where it does not happen in time."""
    deadline = time.monotonic() + within
    while not happened():
        assert time.monotonic() < deadline, f"it did not happen within {within:g} seconds"
        time.sleep(0.01)

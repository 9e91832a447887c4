"""Whether the files that SQLite writes to are still those at the store's path."""

from __future__ import annotations

import os

from croupier_storage.errors import CorruptStore

_FILES = ("", "-wal")


class FilePresence:
    """Notices that a database file was deleted, replaced or truncated while it is open.

    SQLite keeps writing to a file that has lost its name, and reports success: every fact would be lost with the
    last connection. So the files are compared with those seen before, by device, number and size.

    Args:
        path: The database file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: dict[str, tuple[int, int]] = {}
        self._size = 0

    def check(self) -> None:
        """Raises CorruptStore if a file is no longer the one seen before; the first call only looks."""
        for suffix in _FILES:
            file = self._path + suffix
            try:
                now = os.stat(file)
            except FileNotFoundError:
                if suffix in self._seen or not suffix:
                    raise CorruptStore(_message(file, "was deleted")) from None
                continue
            if self._seen.setdefault(suffix, (now.st_dev, now.st_ino)) != (now.st_dev, now.st_ino):
                raise CorruptStore(_message(file, "was replaced by another file"))
            if not suffix:
                if now.st_size < self._size:
                    raise CorruptStore(_message(file, f"was truncated from {self._size} to {now.st_size} bytes"))
                self._size = now.st_size

    def reset(self) -> None:
        """Accept the present size: after a VACUUM of our own."""
        self._size = 0


def _message(file: str, what: str) -> str:
    return (
        f"{file} {what} while the store was open: what is written now would not be in it. Stop whatever did that, put "
        "the file back or restore a backup, and open the store again"
    )

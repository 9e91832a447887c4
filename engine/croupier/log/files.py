"""Files that hold what people did: nobody but their owner may read them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_OWNER_ONLY = 0o600


@contextmanager
def private_file(path: str | Path, *, text: bool = False) -> Iterator[IO[Any]]:
    """Open a file for writing, with access for its owner only, whatever the umask and whatever was there before.

    Args:
        path: The file; its content is replaced.
        text: Whether text is written, as UTF-8 without translation of line ends, instead of bytes.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
    file: IO[Any] = os.fdopen(descriptor, "w", encoding="utf-8", newline="") if text else os.fdopen(descriptor, "wb")
    with file:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):  # not a terminal or a pipe, which others use too
            os.chmod(descriptor if os.chmod in os.supports_fd else path, _OWNER_ONLY)
        yield file

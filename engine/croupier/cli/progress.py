"""Progress bars for work over a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def bar(what: str, console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, updated by calls with (done, total), which disappears when the block ends.

    Nothing is shown where stderr is not a terminal.

    >>> with bar("working") as progress:
    ...     progress(1, 2)
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    screen = console or Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as display:
        task = display.add_task(what, total=None)
        yield lambda done, total: display.update(task, completed=done, total=total or None)

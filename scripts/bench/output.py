"""How every script prints its tables and writes its JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

JsonFile: TypeAlias = Annotated[Path | None, typer.Option("--json", help="Also write the results to this JSON file.")]
PACKAGES = ("croupier", "numpy", "numba", "sqlalchemy", "river", "scikit-learn", "vowpalwabbit", "gittins")


def console(width: int = 130) -> Console:
    """A console as wide as the terminal, or of the given width where the output goes elsewhere."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else width)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> Table:
    """A table whose first `left` columns are aligned to the left and whose others are aligned to the right."""
    result = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        result.add_column(column, justify="left" if number < left else "right")
    for row in rows:
        result.add_row(*row)
    return result


def write_json(file: Path | None, settings: dict[str, Any], results: Any) -> None:
    """Write results, with the settings and the machine that gave them; nothing if there is no file."""
    if file is not None:
        content = {"machine": machine(), "settings": settings, "results": results}
        file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """The processor, the system, and the versions of Python and of the packages that are installed."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    """The name of the processor, where the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


@contextmanager
def turns(total: int | None = None) -> Iterator[Callable[[str], None]]:
    """A progress bar for contenders that take turns; yields a function that names the one whose turn begins.

    The bar is redrawn by that call alone: a thread of its own would compete with what is being timed.
    """
    with Progress(console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        task = progress.add_task("", total=total)

        def tick(description: str) -> None:
            progress.update(task, description=description, advance=1)
            progress.refresh()

        yield tick

"""Printing results: lines, tables and JSON on stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console, RenderableType

from croupier import reports
from croupier.log.files import private_file
from croupier.reports.escaping import CONTROLS, visible

PIPE_WIDTH = 130  # columns of a table where stdout is not a terminal


def print_line(text: str) -> None:
    """Print a line with its control characters made visible."""
    print(visible(text))


def print_renderable(renderable: RenderableType) -> None:
    """Print a table or another renderable of rich, whose text from a store or file has been escaped."""
    Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else PIPE_WIDTH).print(renderable)


def print_json(value: Any) -> None:
    """Print plain data as JSON; a number that is not finite becomes null."""
    print_json_text(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_json_text(text: str) -> None:
    """Print JSON, with control characters that JSON allows in strings as escape sequences."""
    print("\n".join(CONTROLS.sub(_json_escape, line) for line in text.split("\n")))


def print_result(result: Any, html: Path | None, as_json: bool) -> None:
    """Print a result that `croupier.reports` can render, and write its page."""
    if html is not None:
        with private_file(html, text=True) as page:
            page.write(reports.as_html(result))
    if as_json:
        print_json_text(reports.as_json(result))
    else:
        print_renderable(reports.as_text(result))


def _json_escape(match: Any) -> str:
    return f"\\u{ord(match[0]):04x}"

"""Building blocks of a study's page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

PILL_CLASSES = {"better": "good", "worse": "bad", "no mismatch": "good", "mismatch": "bad"}


def figure(caption: str, svg: str, css_class: str = "") -> str:
    """A drawing with its caption."""
    return f'<figure class="{css_class}"><figcaption>{escape(caption)}</figcaption>{svg}</figure>'


def pill(word: str) -> str:
    """A conclusion as a coloured label."""
    return f'<span class="{PILL_CLASSES.get(word, "neutral")}">{word}</span>'


def table(heads: Iterable[str], rows: Iterable[str]) -> str:
    """A table that becomes a list of cards on narrow screens."""
    top = "".join(f"<th>{head}</th>" for head in heads)
    body = f"<thead><tr>{top}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="wide"><table class="estimates">{body}</table></div>'


def row(head: str, cells: Mapping[str, str], css_class: str = "", skipped: int = 0) -> str:
    """A row of a table after `skipped` empty cells; on narrow screens each cell shows its name."""
    body = "".join(f'<td data-of="{name}">{cell}</td>' for name, cell in cells.items())
    return f'<tr class="{css_class}"><th>{head}</th>{"<td></td>" * skipped}{body}</tr>'

"""The pieces that an experiment's page is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

KINDS = {"better": "good", "worse": "bad", "as meant": "good", "in doubt": "bad"}


def figure(caption: str, drawn: str, kind: str = "") -> str:
    """A drawing with its caption."""
    return f'<figure class="{kind}"><figcaption>{escape(caption)}</figcaption>{drawn}</figure>'


def pill(word: str) -> str:
    """A finding in a word."""
    return f'<span class="{KINDS.get(word, "open")}">{word}</span>'


def table(heads: Iterable[str], rows: Iterable[str]) -> str:
    """A table that becomes cards where it is narrow."""
    top = "".join(f"<th>{head}</th>" for head in heads)
    body = f"<thead><tr>{top}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="wide"><table class="estimates">{body}</table></div>'


def row(head: str, cells: Mapping[str, str], kind: str = "", skipped: int = 0) -> str:
    """A row of it, some columns skipped; what each cell is of stands before it where it is narrow."""
    shown = "".join(f'<td data-of="{name}">{cell}</td>' for name, cell in cells.items())
    return f'<tr class="{kind}"><th>{head}</th>{"<td></td>" * skipped}{shown}</tr>'

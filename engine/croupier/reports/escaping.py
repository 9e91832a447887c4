"""Text from a store or a file, made safe to print: ids, names and messages that may hold anything."""

from __future__ import annotations

import re

from rich import markup

# C0 and C1 control characters, bidirectional controls, line and paragraph separators, byte-order marks, surrogates.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def visible(text: str) -> str:
    r"""The text with every control character replaced by its escape sequence, so that it stays on one line.

    A terminal would obey them: an id could clear the screen, or forge a line of a report.

    >>> print(visible("shop\x1b[2J\n"))
    shop\x1b[2J\n
    """
    return CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def escape(text: str) -> str:
    r"""The text for a place where rich reads markup: control characters made visible, brackets taken literally.

    >>> escape("[red]a\n")
    '\\[red]a\\n'
    """
    return markup.escape(visible(text))

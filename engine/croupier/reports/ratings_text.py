"""Cross-validations as tables."""

from __future__ import annotations

from rich.table import Table

from croupier.ratings.crossval import Validation

DIGITS = 4


def validation_table(found: Validation, title: str = "") -> Table:
    """A row for each model, a column for each metric."""
    names = list(dict.fromkeys(name for its in found.measured.values() for name in its))
    shown = Table("model", title=title, title_justify="left")
    for name in names:
        shown.add_column(name, justify="right")
    for model in found.measured:
        shown.add_row(model, *(_cell(found, model, name) for name in names))
    return shown


def _cell(found: Validation, model: str, name: str) -> str:
    if name not in found.measured[model]:
        return ""  # it ranks, and rates nothing
    return f"{found.mean(model, name):.{DIGITS}f} ± {found.error(model, name):.{DIGITS}f}"

"""Validations of rating models as tables."""

from __future__ import annotations

from rich.table import Table

from croupier.ratings.crossval import Validation

DIGITS = 4


def validation_table(validation: Validation, title: str = "") -> Table:
    """Mean ± standard error of every metric, a row for each model."""
    names = list(dict.fromkeys(name for scores in validation.scores.values() for name in scores))
    table = Table("model", title=title, title_justify="left")
    for name in names:
        table.add_column(name, justify="right")
    for model in validation.scores:
        table.add_row(model, *(_cell(validation, model, name) for name in names))
    return table


def _cell(validation: Validation, model: str, name: str) -> str:
    if name not in validation.scores[model]:
        return ""  # it only ranks
    return f"{validation.mean(model, name):.{DIGITS}f} ± {validation.error(model, name):.{DIGITS}f}"

"""Renders any result as plain data, JSON, text or HTML."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import orjson
from rich.console import RenderableType

from croupier.errors import InputError
from croupier.evaluation.results import Comparison, Evaluation
from croupier.ratings.crossval import Validation
from croupier.reports.comparison_html import comparison_page
from croupier.reports.comparison_text import comparison_table
from croupier.reports.evaluation_data import comparison_dict, evaluation_dict
from croupier.reports.evaluation_html import evaluation_page
from croupier.reports.evaluation_text import evaluation_table
from croupier.reports.ratings_text import validation_table
from croupier.reports.study_data import study_dict
from croupier.reports.study_html import study_page
from croupier.reports.study_text import study_table
from croupier.studies.results import Study


@singledispatch
def as_dict(result: Any) -> dict[str, Any]:
    """A result as plain data, including the values of refused estimates, with their refusals.

    Args:
        result: An `Evaluation`, a `Comparison`, a `Study` or a cross-validation.

    Raises:
        InputError: The object is not such a result.
    """
    raise _unknown(result, "plain data")


@singledispatch
def as_text(result: Any) -> RenderableType:
    """A result as tables for `rich.print`, without the values of refused estimates.

    Raises:
        InputError: The object is not such a result.
    """
    raise _unknown(result, "text")


@singledispatch
def as_html(result: Any) -> str:
    """A result as one self-contained HTML page, without the values of refused estimates.

    Raises:
        InputError: The object is not such a result.
    """
    raise _unknown(result, "HTML")


def as_json(result: Any) -> str:
    """A result as JSON, from `as_dict`; a number that is not finite becomes null. Raises InputError."""
    return orjson.dumps(as_dict(result), option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode()


def _unknown(result: Any, form: str) -> InputError:
    return InputError(
        f"a {type(result).__name__} cannot be rendered as {form}; give the result of evaluate, compare or study"
    )


as_dict.register(Evaluation, evaluation_dict)
as_text.register(Evaluation, evaluation_table)
as_html.register(Evaluation, evaluation_page)
as_dict.register(Comparison, comparison_dict)
as_text.register(Comparison, comparison_table)
as_html.register(Comparison, comparison_page)
as_dict.register(Study, study_dict)
as_text.register(Study, study_table)
as_html.register(Study, study_page)
as_dict.register(Validation, Validation.as_dict)
as_text.register(Validation, validation_table)

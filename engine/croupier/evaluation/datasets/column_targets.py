"""Targets that need only the columns of a log: the logged action, its propensity and other columns."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.base import Batch, Mask
from croupier.evaluation.datasets.columns import parse_numbers
from croupier.evaluation.passes.resolve import TargetSpec, resolve
from croupier.evaluation.passes.targets import Target
from croupier_policies import Vector

SPECS = (
    "logged, uniform, constant:ACTION, column:P, column:P:V; or, if the log has contexts and candidates, policy:NAME, "
    "a policy, a function or a target"
)


class ColumnTarget(NamedTuple):
    """A target on columns: its label, π(a|x) of the logged action, v̂(x) given q̂(x, a), and its own columns."""

    label: str
    probability: Callable[[Batch], Vector]
    value: Callable[[Batch, Vector], Vector]
    probabilities: tuple[str, ...] = ()
    estimates: tuple[str, ...] = ()


def resolve_column_target(spec: TargetSpec, modelled: bool) -> ColumnTarget | Target:
    """The target of a specification: a `ColumnTarget` where columns suffice, otherwise a `Target`.

    Args:
        spec: As for `evaluate_dataset`.
        modelled: Whether v̂ comes from a reward model that learns along the log, which needs every candidate.

    Raises:
        EvidenceError, InputError: There is no such target.
    """
    kind, _, rest = spec.partition(":") if isinstance(spec, str) else ("", "", "")
    if kind == "column" and rest:
        return _columns(rest)
    if spec == "logged":
        return ColumnTarget(
            "logged", lambda batch: batch.propensity, lambda batch, q: q
        )  # the terms of DR are then the rewards
    if spec == "uniform" and not modelled:
        return ColumnTarget("uniform", _even, _no_model)
    if kind == "constant" and rest and not modelled:
        return ColumnTarget(f"constant:{rest}", lambda batch: _is(batch, rest), _no_model)
    try:
        return resolve(spec, None)
    except EvidenceError as error:
        if kind in ("policy", "snapshot"):
            raise
        raise InputError(f"{spec!r} is not a target for columns; give {SPECS}") from error


def _columns(rest: str) -> ColumnTarget:
    probability, _, value = rest.partition(":")
    own: Callable[[Batch, Vector], Vector] = (lambda batch, q: numeric_column(batch, value)) if value else _no_model
    names = (value,) if value else ()
    return ColumnTarget(
        f"column:{probability}", lambda batch: numeric_column(batch, probability), own, (probability,), names
    )


def parse_columns(
    batch: Batch, probabilities: Collection[str], estimates: Collection[str]
) -> tuple[Batch, dict[str, tuple[Mask, NDArray[np.generic]]]]:
    """The batch with the columns of targets as numbers, and the rows where one is not what its target needs, by reason.

    Args:
        batch: Rows with columns of any type.
        probabilities: The names of columns of probabilities.
        estimates: Those of columns of estimated rewards.

    Raises:
        EvidenceError: There is no such column.
        InputError: A column holds dates, or others that no number can be.
    """
    others, wrong = dict(batch.others), dict[str, tuple[Mask, NDArray[np.generic]]]()
    for name in dict.fromkeys([*probabilities, *estimates]):
        column = find_column(batch, name)
        others[name] = values = parse_numbers(column, name)[0]
        if name in probabilities:
            wrong[f"the column {name!r} is not a probability, 0 to 1"] = ~((values >= 0) & (values <= 1 + 1e-9)), column
        else:
            wrong[f"the column {name!r} is not a finite number"] = ~np.isfinite(values), column
    return (replace(batch, others=others), wrong) if wrong else (batch, wrong)


def numeric_column(batch: Batch, name: str) -> Vector:
    """A numeric column without a role. Raises EvidenceError where there is none of this name."""
    return np.asarray(find_column(batch, name), dtype=np.float64)


def find_column(batch: Batch, name: str) -> NDArray[np.generic]:
    """A column without a role. Raises EvidenceError where there is none of this name."""
    if name not in batch.others:
        kept = ", ".join(batch.others) or "none except those with a role"
        raise EvidenceError(f"there is no column {name!r}; there are {kept}")
    return batch.others[name]


def _even(batch: Batch) -> Vector:
    if batch.candidates is None:
        raise EvidenceError(
            "the number of candidates is not known, so uniform has no probability; give candidates=K (--candidates K)"
        )
    return 1.0 / batch.candidates


def _is(batch: Batch, action: str) -> Vector:
    if batch.action is None:
        raise EvidenceError(
            "the log has no column of actions, so constant:ACTION has no probability; name the column, action=NAME "
            "(--column action=NAME)"
        )
    return np.asarray(batch.action == action, dtype=np.float64)


def _no_model(batch: Batch, q: Vector) -> Vector:
    raise InputError("there is no reward model for this target, so it has no v̂; give column:P:V, or use ips and snips")

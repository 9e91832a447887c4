"""Target policies on columns: what needs no more than the logged action and its propensity."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.base import Batch
from croupier.evaluation.passes.resolve import Spec, resolve
from croupier.evaluation.passes.targets import Target
from croupier_policies import Vector

SPECS = (
    "logged, uniform, constant:ACTION, column:P, column:P:V; or, where the log says in which contexts and among what "
    "was chosen, policy:NAME, a policy, a function or a target"
)


class Asked(NamedTuple):
    """A target on columns: its name, π(a|x) of the logged action, and v̂(x) given q̂(x, a)."""

    label: str
    probability: Callable[[Batch], Vector]
    value: Callable[[Batch, Vector], Vector]


def asked(spec: Spec, modelled: bool) -> Asked | Target:
    """The target of a specification: on columns where that will do, or else one that is shown every decision.

    Args:
        spec: As for `evaluate_dataset`.
        modelled: Whether v̂ is to come from a reward model that learns along the log, which needs every candidate.

    Raises:
        EvidenceError, InputError: There is no such target.
    """
    kind, _, rest = spec.partition(":") if isinstance(spec, str) else ("", "", "")
    if kind == "column" and rest:
        return _columns(rest)
    if spec == "logged":
        return Asked("logged", lambda batch: batch.propensity, lambda batch, q: q)  # its terms of DR are the rewards
    if spec == "uniform" and not modelled:
        return Asked("uniform", _even, _no_model)
    if kind == "constant" and rest and not modelled:
        return Asked(f"constant:{rest}", lambda batch: _is(batch, rest), _no_model)
    try:
        return resolve(spec, None)
    except EvidenceError as error:
        if kind in ("policy", "snapshot"):
            raise
        raise InputError(f"{spec!r} is no target for columns; give {SPECS}") from error


def _columns(rest: str) -> Asked:
    probability, _, value = rest.partition(":")
    own: Callable[[Batch, Vector], Vector] = (lambda batch, q: column(batch, value)) if value else _no_model
    return Asked(f"column:{probability}", lambda batch: column(batch, probability), own)


def column(batch: Batch, name: str) -> Vector:
    """A numeric column that is none of the roles. Raises EvidenceError where there is none of this name."""
    return np.asarray(present(batch, name), dtype=np.float64)


def present(batch: Batch, name: str) -> NDArray[np.generic]:
    """A column that is none of the roles. Raises EvidenceError where there is none of this name."""
    if name not in batch.others:
        kept = ", ".join(batch.others) or "none beside those with a role"
        raise EvidenceError(f"there is no column {name!r}; there are {kept}")
    return batch.others[name]


def _even(batch: Batch) -> Vector:
    if batch.candidates is None:
        raise EvidenceError("the log does not say how many candidates there were: give the number, candidates=K")
    return 1.0 / batch.candidates


def _is(batch: Batch, action: str) -> Vector:
    if batch.action is None:
        raise EvidenceError("the log does not say which action was shown: name its column")
    return np.asarray(batch.action == action, dtype=np.float64)


def _no_model(batch: Batch, q: Vector) -> Vector:
    raise InputError("there is no reward model for this target: give column:P:V, or take ips and snips")

"""The role of a decision in an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Role(NamedTuple):
    """The role of a decision in an experiment. The names of the fields are those of the log.

    Attributes:
        experiment: The name of the experiment.
        variant: The variant for which the decision was made.
        assigned: The probability with which a unit is assigned to this variant.
    """

    experiment: str
    variant: str
    assigned: float


def role_from_payload(payload: Mapping[str, Any]) -> Role | None:
    """The role in the decoded body of a decision; None outside of experiments.

    >>> role_from_payload({"experiment": "ranking", "variant": "new", "assigned": 0.5})
    Role(experiment='ranking', variant='new', assigned=0.5)
    """
    if "experiment" not in payload:
        return None
    return Role(payload["experiment"], payload["variant"], payload["assigned"])

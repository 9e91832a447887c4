"""For which variant of which experiment a decision was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Role(NamedTuple):
    """For which variant of which experiment a decision was made; `assigned` is the probability of meeting it."""

    experiment: str
    variant: str
    assigned: float


def role_of(body: Mapping[str, Any]) -> Role | None:
    """The role that the body of a decision tells."""
    if "experiment" not in body:
        return None
    return Role(body["experiment"], body["variant"], body["assigned"])

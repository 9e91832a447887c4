"""What passes through a live loop: its options, a decision request, and the draw that answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from croupier.log.encoding import EncodedActions
from croupier.log.role import Role
from croupier_policies import Row, Vector
from croupier_storage import Fact


class LoopOptions(NamedTuple):
    """How a live loop runs; see `Engine.open`."""

    durable: bool
    snapshot_every: int
    snapshot_seconds: float | None
    snapshots_kept: int
    queue: int
    patience: float | None
    clock: Callable[[], float]


class DecisionRequest(NamedTuple):
    """What `choose` was called with, validated and encoded.

    Attributes:
        id: The decision's id.
        row: The context in decoded form.
        body: The same as the log keeps it.
        candidates: The eligible actions.
        unit: Whose decision it is.
        at: Seconds since 1970.
        deferred: Whether the decision waits for its activation.
        featured: Whether the row contains the unit's features.
    """

    id: str
    row: Row
    body: bytes
    candidates: EncodedActions
    unit: str | None
    at: float
    deferred: bool
    featured: bool = False


class Draw(NamedTuple):
    """A draw: its fact, the probability vector, the index of the drawn action, and the role it was drawn for."""

    fact: Fact
    vector: Vector
    drawn: int
    role: Role | None

"""The results of `choose` and `reward`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, cast

from croupier.errors import EvidenceError
from croupier_policies import Vector
from croupier_storage import Fact


class Decision:
    """A decision: the action that `choose` drew, as it was logged.

    Attributes:
        id: The decision's id in the log, which `reward` takes.
        action: The action to show.
        propensity: The probability with which this action was drawn.
        position: The position of the decision in the log.
        as_of: The position of the last fact in the state that decided.
        logged: False for a decision made while the store could not be written; nothing is learned from it.
    """

    __slots__ = ("_ids", "_vector", "action", "as_of", "id", "logged", "position", "propensity")

    def __init__(self, fact: Fact, ids: tuple[str, ...], vector: Vector | None, *, logged: bool = True) -> None:
        self.id, self.action = cast(str, fact.id), cast(str, fact.action)  # never None in a decision
        self.propensity = cast(float, fact.propensity)
        self.position, self.as_of = fact.position, cast(int, fact.as_of)
        self._ids, self._vector, self.logged = ids, vector, logged

    @property
    def propensities(self) -> Mapping[str, float]:
        """The probability of every candidate, by id; they sum to 1.

        Raises:
            EvidenceError: The decision was read back from the log, which has the probability of the drawn action only.
        """
        if self._vector is None:
            raise EvidenceError(
                f"decision {self.id} was read back from the log, which has the probability of the drawn action only; "
                "`verify` and `evaluate` recompute the others"
            )
        return dict(zip(self._ids, self._vector.tolist(), strict=True))

    def __repr__(self) -> str:
        return f"Decision(id={self.id!r}, action={self.action!r}, propensity={self.propensity:.6g})"


class Status(StrEnum):
    """What the engine did with a reward.

    Attributes:
        APPLIED: It was learned.
        PENDING: It was logged; the aggregate is learned when the reward window closes.
        DUPLICATE: The decision has a reward already; nothing was logged.
        LATE: It arrived after the window had closed; it was logged, and is learned at the next rebase.
        KEPT: Another action than the drawn one was shown; it was logged, and is never learned.
        UNLOGGED: The decision was made while the store could not be written; nothing was logged.
    """

    APPLIED = "applied"
    PENDING = "pending"
    DUPLICATE = "duplicate"
    LATE = "late"
    KEPT = "kept"
    UNLOGGED = "unlogged"


class Outcome(NamedTuple):
    """The result of `reward`.

    Attributes:
        status: What the engine did with the reward.
        decision: The id of the decision.
        position: The position of the reward in the log; of the earlier reward for a duplicate.
    """

    status: Status
    decision: str
    position: int

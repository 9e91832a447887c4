"""What `choose` and `reward` return."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, cast

from croupier.errors import EvidenceError
from croupier_policies import Vector
from croupier_storage import Fact


class Decision:
    """One choice, as it was logged.

    Attributes:
        id: Its name in the log; `reward` takes it.
        action: The action to show.
        propensity: The probability with which that action was drawn.
        position: The number of its fact in the log.
        as_of: The position of the last fact the policy had learned from.
        logged: False if it was made while the store could not be written: then nothing is ever learned from it.
    """

    __slots__ = ("_ids", "_vector", "action", "as_of", "id", "logged", "position", "propensity")

    def __init__(self, fact: Fact, ids: tuple[str, ...], vector: Vector | None, *, logged: bool = True) -> None:
        self.id, self.action = cast(str, fact.id), cast(str, fact.action)  # a decision has them all
        self.propensity = cast(float, fact.propensity)
        self.position, self.as_of = fact.position, cast(int, fact.as_of)
        self._ids, self._vector, self.logged = ids, vector, logged

    @property
    def propensities(self) -> Mapping[str, float]:
        """The probability of every candidate; they sum to 1.

        Raises:
            EvidenceError: The decision was read back from the log, which keeps the drawn action's probability only.
        """
        if self._vector is None:
            raise EvidenceError(
                f"decision {self.id} was read back from the log, which keeps the probability of the drawn action only; "
                "`verify` recomputes the others"
            )
        return dict(zip(self._ids, self._vector.tolist(), strict=True))

    def __repr__(self) -> str:
        return f"Decision(id={self.id!r}, action={self.action!r}, propensity={self.propensity:.6g})"


class Status(StrEnum):
    """What became of a reward."""

    APPLIED = "applied"  # learned
    PENDING = "pending"  # kept, and learned with its fellows when the window closes
    DUPLICATE = "duplicate"  # there is one already; nothing was logged
    LATE = "late"  # the window had closed; kept, and learned at the next rebase
    KEPT = "kept"  # another action was shown than the one drawn; logged, never learned
    UNLOGGED = "unlogged"  # the decision was made while the store could not be written


class Outcome(NamedTuple):
    """The answer to `reward`: `position` is that of the reward's fact (of the earlier one, for a duplicate)."""

    status: Status
    decision: str
    position: int

"""The contracts of this package: what a policy and a learner are.

All of it is single-threaded and free of clocks, files and global random numbers: the caller holds a lock around it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import compress
from typing import Any, ClassVar, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from croupier_policies.arrays import arithmetic

Vector: TypeAlias = NDArray[np.float64]
#: What is known of a context or an action, in the form the log keeps: named numbers and strings, or a float64 array.
Row: TypeAlias = "Mapping[str, float | str] | Vector"
#: Plain data (None, bool, int, float, str, bytes, list, dict with string keys) with numpy arrays in it.
State: TypeAlias = dict[str, Any]


@dataclass(frozen=True, eq=False, slots=True)
class Actions:
    """The candidates of one decision, in the order in which they were given.

    `ids` are unique; `rows[k]` holds the features of `ids[k]`, and `rows` is None when no action has any.
    """

    ids: tuple[str, ...]
    rows: tuple[Row, ...] | None = None

    @property
    def whole(self) -> Actions:
        """The set of which this is a `Remainder`; itself, where it is none."""
        return self

    @property
    def out(self) -> tuple[int, ...]:
        """The places in `whole` that are not in this, ascending."""
        return ()

    def place(self, index: int) -> int:
        """Where in `whole` one of these stands."""
        for out in self.out:
            index += out <= index
        return index

    def __len__(self) -> int:
        return len(self.ids)


class Remainder(Actions):
    """A set of candidates but for some places, which costs memory for those places only.

    `ids` and `rows` are made when asked for, so that thousands of remembered decisions over a catalogue of thousands
    stay small. A policy that prepares something for `whole` finds there what it prepared.

    Args:
        whole: The set, itself no remainder.
        out: The places left out, in any order.

    >>> rest = Remainder(Actions(("a", "b", "c")), [1])
    >>> rest.ids, len(rest), rest.out
    (('a', 'c'), 2, (1,))
    """

    __slots__ = ("_out", "_whole")
    _whole: Actions
    _out: tuple[int, ...]

    def __init__(self, whole: Actions, out: Iterable[int]) -> None:
        object.__setattr__(self, "_whole", whole)  # frozen, as its base is
        object.__setattr__(self, "_out", tuple(sorted(out)))

    @property
    def whole(self) -> Actions:
        """The set."""
        return self._whole

    @property
    def out(self) -> tuple[int, ...]:
        """The places left out, ascending."""
        return self._out

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Which places of the whole are in it, (K,)."""
        mask = np.ones(len(self._whole), dtype=np.bool_)
        mask[list(self._out)] = False
        return mask

    @property
    def ids(self) -> tuple[str, ...]:
        """Those that are left."""
        return tuple(compress(self._whole.ids, self.kept.tobytes()))

    @property
    def rows(self) -> tuple[Row, ...] | None:
        """The features of those that are left."""
        rows = self._whole.rows
        return None if rows is None else tuple(compress(rows, self.kept.tobytes()))

    def __len__(self) -> int:
        return len(self._whole) - len(self._out)


class Odds(NamedTuple):
    """A policy that obeys Luce's axiom but for its floor: π(a|S) = (1 - ε)·w_a/Σ_S w + ε/|S| for every set S.

    `weights` are positive, (K,), and no more than e^±300.
    """

    weights: Vector
    epsilon: float


class Configured(ABC):
    """Something rebuilt from its name and its configuration, whose knowledge is a `State`."""

    name: ClassVar[str]

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """The constructor's keyword arguments, as plain data that JSON can hold."""

    @abstractmethod
    def state(self) -> State:
        """All that was learned, as plain data and arrays; sharing nothing with this object."""

    @abstractmethod
    def restore(self, state: State) -> None:
        """Take over a `state()` of an object with the same configuration, bit for bit."""

    def fresh(self) -> Self:
        """A new object of the same configuration that has learned nothing."""
        return type(self)(**self.config())

    @property
    def storable(self) -> bool:
        """Whether `state` can hold it; what is not storable is restored by replaying the log."""
        return True

    @property
    def arithmetic(self) -> str:
        """What the bits of its results depend on: library versions, width, device, class of CPU."""
        return arithmetic("cpu")


class Policy(Configured):
    """Maps (context, actions) to a probability for every action, and learns from rewards between 0 and 1.

    Asking never changes the answer: `probabilities` leaves the state as it is, and allocates nothing in it for features
    and actions it has not met. `learn` is deterministic and cannot fail on a row that `probabilities` accepted.

    A policy that learns of every unit by itself names in `unit_field` the field of the context in which it expects the
    unit; the engine fills it in where the application did not.
    """

    unit_field: str | None = None

    @abstractmethod
    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """The probability of each action, shape (K,), float64, every entry at least 0, summing to 1."""

    @abstractmethod
    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Fold in one rewarded decision: `actions.ids[index]` was drawn with `propensity` and earned `reward`."""

    def discount(self, keep: float, action: str | None = None) -> None:
        """Let what was learned, of one action or of all, count for `keep` of what it did: after the world has changed.

        Models with a posterior go that far back toward their prior; whatever cannot forget stays as it is.
        """

    def discount_unit(self, keep: float, unit: str) -> None:
        """The same of what is a unit's own; a policy that learns of no unit by itself stays as it is."""

    def odds(self, context: Row, actions: Actions) -> Odds | None:
        """Where the odds of two actions do not depend on who else is a candidate, what they are; None where they do."""
        return None


class Learner(Configured):
    """A reward model beside the policy: it estimates E[r given x, a] from every rewarded event, whatever the policy."""

    @abstractmethod
    def predict(self, context: Row, actions: Actions) -> Vector:
        """The estimated reward of each action, shape (K,), in the policy's units (0 to 1); changes nothing."""

    @abstractmethod
    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Score the event as not yet seen (the honest loss), then learn it."""

    @property
    @abstractmethod
    def loss(self) -> float:
        """Mean squared error of the predictions made before each event was learned; NaN before the first."""

"""The contracts of this package: `Policy` and `Learner`.

Nothing here is thread-safe, and nothing reads a clock, a file or a global random number generator: the caller holds a
lock around every call.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import compress
from typing import Any, ClassVar, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from croupier_policies.arrays import arithmetic

Vector: TypeAlias = NDArray[np.float64]


class Text(str):
    """A text in a context: read word by word, where a plain string is one value of a category.

    >>> {"title": Text("Running shoes, light"), "shop": "sports"}
    {'title': Text('Running shoes, light'), 'shop': 'sports'}
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Text({str(self)!r})"


#: A feature: a number, a category, a text, tags, counts (an absent name counts 0), or an array.
Value: TypeAlias = "float | str | Text | list[str] | dict[str, float] | Vector"
#: The features of a context or an action in the form the log stores: named values, or one float64 array.
Row: TypeAlias = "Mapping[str, Value] | Vector"
#: Plain data (None, bool, int, float, str, bytes, list, dict with string keys) and numpy arrays.
State: TypeAlias = dict[str, Any]


#: The field in which the engine tells the default policy the unit of a decision. Rows for other models leave it out.
UNIT = "$unit"

NAMED = 5  # names that a sentence lists
KEPT = 64  # names that are kept of what was refused


@dataclass(frozen=True, eq=False, slots=True)
class Actions:
    """The candidates of one decision, in the caller's order.

    `ids` are unique; `rows[k]` holds the features of `ids[k]`; `rows` is None when no action has features.
    """

    ids: tuple[str, ...]
    rows: tuple[Row, ...] | None = None

    @property
    def full_set(self) -> Actions:
        """The full candidate set that a `RemainingActions` was derived from; `self` for a full set."""
        return self

    @property
    def excluded(self) -> tuple[int, ...]:
        """The indices in `full_set` that are left out here, ascending."""
        return ()

    def full_index(self, index: int) -> int:
        """The index in `full_set` of the candidate with this index here."""
        for position in self.excluded:
            index += position <= index
        return index

    def __len__(self) -> int:
        return len(self.ids)


class RemainingActions(Actions):
    """A candidate set with some candidates left out, which takes memory for those only.

    `ids` and `rows` are computed on access, so that thousands of pending decisions over a catalogue of thousands of
    items stay small. A policy may cache what it computes for a candidate set under `full_set`.

    Args:
        full_set: The candidate set; not a `RemainingActions` itself.
        excluded: The indices left out, in any order.

    >>> rest = RemainingActions(Actions(("a", "b", "c")), [1])
    >>> rest.ids, len(rest), rest.excluded
    (('a', 'c'), 2, (1,))
    """

    __slots__ = ("_excluded", "_full_set")
    _full_set: Actions
    _excluded: tuple[int, ...]

    def __init__(self, full_set: Actions, excluded: Iterable[int]) -> None:
        object.__setattr__(self, "_full_set", full_set)  # the base class is frozen
        object.__setattr__(self, "_excluded", tuple(sorted(excluded)))

    @property
    def full_set(self) -> Actions:
        """The candidate set."""
        return self._full_set

    @property
    def excluded(self) -> tuple[int, ...]:
        """The indices left out, ascending."""
        return self._excluded

    @property
    def _mask(self) -> NDArray[np.bool_]:
        """Which candidates of the full set remain, (K,)."""
        mask = np.ones(len(self._full_set), dtype=np.bool_)
        mask[list(self._excluded)] = False
        return mask

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that remain."""
        return tuple(compress(self._full_set.ids, self._mask.tobytes()))

    @property
    def rows(self) -> tuple[Row, ...] | None:
        """The features of the candidates that remain."""
        rows = self._full_set.rows
        return None if rows is None else tuple(compress(rows, self._mask.tobytes()))

    def __len__(self) -> int:
        return len(self._full_set) - len(self._excluded)


class Odds(NamedTuple):
    """Weights of a policy that satisfies Luce's choice axiom up to its floor: π(a|S) = (1 - ε)·w_a/Σ_S w + ε/|S|.

    The identity holds for every candidate set S. `weights`, (K,), are between e^-300 and e^300.
    """

    weights: Vector
    epsilon: float


class Reason(StrEnum):
    """Why something was not learned; the name of its counter."""

    FEATURES_WITHOUT_ROOM = "features without room"
    REWARDS_WITHOUT_ROOM = "rewards without room"
    NAMES_WITHOUT_ROOM = "names without room"
    MODEL_UNABLE = "events that a model could not take"
    ALL_UNABLE = "decisions that no model could take"
    FAR_VALUES = "values far outside those seen before"
    LOST_SCALE = "features lost in their scale"
    NEVER_VARY = "features that never vary"
    DIVERGED = "models that diverged"


@dataclass(frozen=True)
class Finding:
    """One reason for which something is not learned.

    Attributes:
        reason: Why.
        count: How often, or of how many features; a lower bound where each case cannot be counted.
        names: The features, actions or users concerned, as far as they are known.
        text: A sentence: what happened, what follows from it, what to do.
    """

    reason: Reason
    count: int
    names: tuple[str, ...]
    text: str


def listed(names: Collection[str], nouns: str = "others") -> str:
    """The first names in quotes, and how many more there are.

    >>> listed(["a", "b"]), listed("abcdefgh")
    ("'a' and 'b'", "'a', 'b', 'c', 'd', 'e' and 3 others")
    """
    quoted = [f"'{name}'" for name in names]
    shown = quoted if len(quoted) <= NAMED + 1 else [*quoted[:NAMED], f"{len(quoted) - NAMED} {nouns}"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


class RefusedNames:
    """The first names that were refused for lack of room; not part of a state, so a restored object has none yet."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Note a name, if there is room."""
        if len(self._names) < KEPT:
            self._names[name] = None

    def clear(self) -> None:
        """Forget the names."""
        self._names.clear()

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order of their refusal."""
        return tuple(self._names)

    def of(self) -> str:
        """' (…)' with the names, or nothing."""
        return f" ({listed(self._names)})" if self._names else ""


def united(parts: Sequence[tuple[str, Iterable[Finding]]]) -> list[Finding]:
    """The findings of several objects; what all of them found is said once, the rest with the object's title.

    >>> one = Finding(Reason.NEVER_VARY, 1, ("x",), "'x' never varies")
    >>> [each.text for each in united([("model 1", [one]), ("model 2", [one])])]
    ["'x' never varies"]
    >>> [each.text for each in united([("model 1", [one]), ("model 2", [])])]
    ["model 1: 'x' never varies"]
    """
    found: dict[tuple[Reason, tuple[str, ...]], list[tuple[str, Finding]]] = {}
    for title, findings in parts:
        for finding in findings:
            found.setdefault((finding.reason, finding.names), []).append((title, finding))
    result = []
    for group in found.values():
        title, largest = max(group, key=lambda pair: pair[1].count)
        shared = len(group) == len(parts)
        result.append(largest if shared else replace(largest, text=f"{title}: {largest.text}"))
    return result


class Configurable(ABC):
    """An object that is rebuilt from its name and configuration, and whose learned parameters are a `State`."""

    name: ClassVar[str]

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """The constructor's keyword arguments, as plain data that JSON can hold."""

    @abstractmethod
    def state(self) -> State:
        """Everything learned, as plain data and arrays that share no memory with this object."""

    @abstractmethod
    def restore(self, state: State) -> None:
        """Replace this object's state by the `state()` of one with the same configuration, bit for bit."""

    def fresh(self) -> Self:
        """A new, untrained object with the same configuration."""
        return type(self)(**self.config())

    def findings(self) -> Sequence[Finding]:
        """What it could not learn, ignores, or has no room for; nothing by default.

        It changes neither the state nor a prediction, and is called now and then, not for each event: what it counts
        is derived from the state, or kept beside it in a few numbers and names. So a restored object may not know a
        name yet that the object which learned it knew.
        """
        return ()

    @property
    def storable(self) -> bool:
        """Whether `state` can represent it; otherwise it is restored by replaying the log."""
        return True

    @property
    def arithmetic(self) -> str:
        """What the bits of its results depend on: library versions, floating-point width, device, class of CPU."""
        return arithmetic("cpu")


class Policy(Configurable):
    """Maps (context, actions) to a probability for every action, and learns from rewards between 0 and 1.

    `probabilities` does not change the state, and allocates nothing for features and actions it has not seen. `learn`
    is deterministic and does not fail on a row that `probabilities` accepted.

    A policy with parameters per unit sets `unit_field` to the context field in which it expects the unit; the engine
    fills the field in where the application did not.
    """

    unit_field: str | None = None

    @abstractmethod
    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """The probability of each action, (K,), float64, non-negative, summing to 1."""

    @abstractmethod
    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Learn from one rewarded decision: `actions.ids[index]` was drawn with `propensity` and earned `reward`."""

    def discount(self, retain: float, action: str | None = None) -> None:
        """Discount the evidence about one action, or about all, to the fraction `retain`: after a detected change.

        A model with a posterior moves it toward the prior accordingly. A policy that cannot forget does nothing.

        Args:
            retain: The weight of past evidence relative to before, 0 to 1.
            action: The action whose evidence is discounted; None for all.
        """

    def discount_unit(self, retain: float, unit: str) -> None:
        """Discount the evidence about one unit; a policy without parameters per unit does nothing."""

    def odds(self, context: Row, actions: Actions) -> Odds | None:
        """Luce weights, if the odds of two actions do not depend on the other candidates; else None."""
        return None


class Learner(Configurable):
    """A reward model that runs beside the policy and estimates E[r | x, a] from every rewarded event."""

    @abstractmethod
    def predict(self, context: Row, actions: Actions) -> Vector:
        """The estimated reward of each action, (K,), on the policy's scale (0 to 1); does not change the state."""

    @abstractmethod
    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Score the event before learning from it (progressive validation), then learn from it."""

    @property
    @abstractmethod
    def loss(self) -> float:
        """Progressive validation loss: mean squared error of the predictions before each event; NaN at first."""

"""The policies on the centred ridge posterior: one reward model, several exploration laws."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from croupier_policies import arrays
from croupier_policies.arithmetic import for_device
from croupier_policies.base import Actions, Policy, Row, State, Vector
from croupier_policies.encoder import Encoder
from croupier_policies.errors import PolicyError
from croupier_policies.ridge import Ridge

REMEMBERED_SETS = 256  # candidate sets whose slots are kept at hand


class _Slots(NamedTuple):
    known: int  # actions that the posterior had when this was looked up
    slots: NDArray[np.int64]
    newcomers: int


class RidgePolicy(Policy):
    """A ridge posterior per action over encoded rows; a subclass adds the law.

    Candidates with features of their own are scored on the context and those features together.

    Args:
        alpha: Optimism α: half the standard deviations (in units of σ) added to an estimate.
        epsilon: The floor ε: every candidate has at least ε/K.
        max_columns: The most columns an encoded row may have.
        max_bytes: The most memory the posteriors may take; they take about 4·K·d² bytes.
        device: "cpu" (compiled), "numpy" (the reference formulas) or "cuda" (the same on a GPU).
    """

    def __init__(
        self, *, alpha: float, epsilon: float, max_columns: int = 512, max_bytes: int = 2**30, device: str = "cpu"
    ) -> None:
        if not alpha >= 0 or not 0 <= epsilon <= 1:
            raise PolicyError(f"alpha must be at least 0 and epsilon between 0 and 1, not {alpha} and {epsilon}")
        self.alpha, self.epsilon = float(alpha), float(epsilon)
        self.max_columns, self.max_bytes, self.device = max_columns, max_bytes, device
        self._arithmetic = for_device(device)
        self._encoder = Encoder(max_columns)
        self._ridge = Ridge(self._arithmetic, max_bytes)
        self._slots: OrderedDict[Actions, _Slots] = OrderedDict()

    @abstractmethod
    def law(self, mean: Vector, sd: Vector) -> Vector:
        """The probabilities π, (K,), for these estimates and uncertainties."""

    def config(self) -> dict[str, Any]:
        """The arguments that every policy of this family has; where it runs is not what it is, so without `device`."""
        return {name: getattr(self, name) for name in ("alpha", "epsilon", "max_columns", "max_bytes")}

    def fresh(self) -> Self:
        """A new one that has learned nothing, on the same device."""
        return type(self)(**self.config(), device=self.device)

    @property
    def arithmetic(self) -> str:
        """What its bits depend on."""
        return arrays.arithmetic(self.device)

    def estimates(self, context: Row, actions: Actions) -> tuple[Vector, Vector]:
        """The posterior mean reward and its sd (in units of σ) of each action, (K,) each."""
        known, slots, newcomers = self._slots_of(actions)
        if newcomers:
            self._ridge.check(known + newcomers, self._width_after(context, actions))
        return self._ridge.scores([self._encoder.encode(row) for row in self._rows(context, actions)], slots)

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """π over the actions, (K,)."""
        return self.law(*self.estimates(context, actions))

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Count the row into the encoding, then take one step of the drawn action's posterior.

        What there is no room for any more is left out, and counted as ignored: an action, an array, or new columns.
        """
        row = _joined(context, actions.rows[index]) if actions.rows else context
        room = self._ridge.columns_for(actions.ids[index])
        if room < self._encoder.size:
            self._ridge.ignored += 1
        elif self._encoder.observe(row, room):
            self._ridge.learn(actions.ids[index], self._encoder.encode(row), reward, self._encoder.size)

    def state(self) -> State:
        """Encoding and posteriors."""
        return {"encoder": self._encoder.state(), "ridge": self._ridge.state()}

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        self._encoder.restore(state["encoder"])
        self._ridge.restore(state["ridge"])
        self._slots.clear()

    def _rows(self, context: Row, actions: Actions) -> Sequence[Row]:
        if actions.rows is None:
            return (context,)
        return [_joined(context, row) for row in actions.rows]

    def _width_after(self, context: Row, actions: Actions) -> int:
        return max(self._encoder.width_after(row) for row in self._rows(context, actions))

    def _slots_of(self, actions: Actions) -> _Slots:
        known = len(self._ridge.slots)
        held = self._slots.get(actions)
        if held is None or held.known != known:
            get = self._ridge.slots.get
            slots = np.array([get(action, -1) for action in actions.ids], dtype=np.int64)
            held = self._slots[actions] = _Slots(known, slots, int(np.count_nonzero(slots < 0)))
            if len(self._slots) > REMEMBERED_SETS:
                self._slots.popitem(last=False)
        return held


def _joined(context: Row, features: Row) -> Row:
    """The context and an action's features as one row, the latter's names marked so that they cannot collide."""
    if isinstance(context, np.ndarray) and isinstance(features, np.ndarray):
        return np.concatenate([context, features])
    return _named(context, "") | _named(features, "action.")


def _named(row: Row, mark: str) -> dict[str, float | str]:
    if isinstance(row, np.ndarray):
        return {f"{mark}{i}": float(value) for i, value in enumerate(row)}
    return {mark + name: value for name, value in row.items()} if mark else dict(row)


class SoftmaxPolicy(RidgePolicy):
    """The default: a softmax over optimistic scores whose temperature is the uncertainty itself.

    score_a = mean_a + 2·alpha·σ·sd_a and
    π_a = (1 - epsilon)·softmax_a(-Δ_a / (v·σ·√(sd_a² + sd_b²))) + epsilon/K,
    Δ_a the gap to the best score and b its action. Where the evidence has settled a gap the policy commits; where it
    has not, it tries. See `RidgePolicy` for the other arguments.

    Args:
        alpha: Optimism.
        v: Temperature, in standard deviations of the difference of two estimates.
        epsilon: The floor.
        max_columns: See `RidgePolicy`.
        max_bytes: See `RidgePolicy`.
        device: See `RidgePolicy`.

    >>> from croupier_policies import Actions
    >>> SoftmaxPolicy().probabilities({"hour": 14.0}, Actions(("a", "b"))).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "softmax"

    def __init__(
        self,
        *,
        alpha: float = 0.75,
        v: float = 0.1,
        epsilon: float = 0.01,
        max_columns: int = 512,
        max_bytes: int = 2**30,
        device: str = "cpu",
    ) -> None:
        super().__init__(alpha=alpha, epsilon=epsilon, max_columns=max_columns, max_bytes=max_bytes, device=device)
        if not v > 0:
            raise PolicyError(f"the temperature v must be positive, not {v}")
        self.v = float(v)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().config() | {"v": self.v}

    def law(self, mean: Vector, sd: Vector) -> Vector:
        """`laws.softmax`."""
        return self._arithmetic.softmax(mean, sd, self._ridge.sigma, self.alpha, self.v, self.epsilon)


class InverseGapPolicy(RidgePolicy):
    """Inverse-gap weighting (Foster & Rakhlin 2020, "SquareCB") on the same posterior; for clicks and many actions.

    q_a = 1 / (K + gamma·√(K(t+1))·Δ_a/σ) for a ≠ b, the rest for b, mixed with epsilon/K; t counts rewards.

    Args:
        alpha: Optimism; .25 suits hundreds of actions.
        gamma: How fast a gap closes.
        epsilon: The floor.
        max_columns: See `RidgePolicy`.
        max_bytes: See `RidgePolicy`.
        device: See `RidgePolicy`.

    >>> from croupier_policies import Actions
    >>> InverseGapPolicy().probabilities({"hour": 14.0}, Actions(("a", "b"))).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "inverse-gap"

    def __init__(
        self,
        *,
        alpha: float = 0.5,
        gamma: float = 15.0,
        epsilon: float = 0.01,
        max_columns: int = 512,
        max_bytes: int = 2**30,
        device: str = "cpu",
    ) -> None:
        super().__init__(alpha=alpha, epsilon=epsilon, max_columns=max_columns, max_bytes=max_bytes, device=device)
        if not gamma > 0:
            raise PolicyError(f"gamma must be positive, not {gamma}")
        self.gamma = float(gamma)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().config() | {"gamma": self.gamma}

    def law(self, mean: Vector, sd: Vector) -> Vector:
        """`laws.inverse_gap`."""
        return self._arithmetic.inverse_gap(
            mean, sd, self._ridge.sigma, self.alpha, self.gamma, self._ridge.count, self.epsilon
        )

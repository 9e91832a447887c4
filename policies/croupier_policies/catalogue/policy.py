"""A policy over a whole catalogue: content and collaborative scores, and a softmax over all items."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from croupier_policies.base import Actions, Finding, Odds, Policy, Row, State, Vector
from croupier_policies.catalogue.matrices import CatalogueMatrices
from croupier_policies.encoding.encoder import Encoder
from croupier_policies.encoding.flat import flat_row
from croupier_policies.encoding.scaler import SparseRow
from croupier_policies.errors import PolicyError
from croupier_policies.factors.svd import InitialFactors
from croupier_policies.factors.tables import RowTable, hashed_factors
from croupier_policies.kernels import catalogue as catalogue_kernels
from croupier_policies.reference.catalogue import StepSizes
from croupier_policies.registry import register

MAX_COLUMNS = 8_192  # whose products take half a gigabyte


@register
class CataloguePolicy(Policy):
    """A softmax over the scores of all items, with shared, per-user and per-item parameters.

    s(i, j) = z_jᵀ(W·x + t_i) + c_j + u_i·v_j;  r̂(i, j) = σ(s(i, j));  π(j|i) = (1 - ε)·softmax_j(s(i, j)/τ) + ε/K

    z_j are the features of the item and x those of the context, each with an intercept. W·x are the weights of the
    content score in this context, t_i is the user's deviation from them, c_j the item's popularity beyond its features,
    and u_i·v_j the collaborative score. A new item is scored by its features, a new user by the context; a user with
    any reward has weights for the features of all items, including new ones. The softmax is over log-odds, not over r̂,
    so that one temperature τ serves click rates of 1 % and of 50 %.

    Learned by one gradient step on the log-loss per reward (see `reference.catalogue.learn`). The step sizes of t_i,
    c_j, u_i and v_j are constant, so that they track changes. Numbers are standardised and strings one-hot encoded; for
    items the statistics take effect at the 1st, 2nd, 4th, 8th … reward only, so that a catalogue is re-encoded rarely.
    A choice is one pass over a matrix of K items.

    Args:
        temperature: τ, at least .01.
        epsilon: The floor ε.
        rank: The number of factors of u_i and v_j; 0 for none.
        shared: The step size of W.
        own: The step size of t_i.
        bias: The step size of c_j.
        rate: The step size of u_i and v_j.
        shrink: λ, the shrinkage of per-user and per-item parameters toward 0.
        spread: The standard deviation of the factors' initial values.
        max_columns: The largest number of columns of encoded items, and of encoded contexts.
        limit: The largest number of parameters for users, and for items; users and items beyond it have none.
        unit_field: The context field that names the user; `Engine` fills it in with the unit.
        seed: The seed of the initial values.
        start: Initial factors on the scale of log-odds, or their `config()`: `truncated_svd(…, logit=True)`.

    Raises:
        PolicyError: An argument is out of range.

    >>> policy, films = CataloguePolicy(), Actions(("a", "b"), (np.array([1.0]), np.array([-1.0])))
    >>> for t in range(200):
    ...     policy.learn({"unit": "u1"}, films, t % 2, float(t % 2 == 0), 0.5)
    >>> bool(policy.probabilities({"unit": "u1"}, films)[0] > 0.9)
    True
    """

    name: ClassVar[str] = "catalogue"

    def __init__(
        self,
        *,
        temperature: float = 0.2,
        epsilon: float = 0.02,
        rank: int = 16,
        shared: float = 0.3,
        own: float = 0.4,
        bias: float = 0.05,
        rate: float = 0.15,
        shrink: float = 0.01,
        spread: float = 0.1,
        max_columns: int = 64,
        limit: int = 4_000_000,
        unit_field: str = "unit",
        seed: int = 0,
        start: InitialFactors | Mapping[str, Any] | None = None,
    ) -> None:
        self.start = InitialFactors.from_config(start)
        self.rank = rank if self.start is None else self.start.rank
        if not (0.01 <= temperature <= 100.0 and 0.0 <= epsilon <= 1.0 and 0.0 <= spread <= 1.0):
            raise PolicyError("temperature must be .01 to 100, epsilon and spread 0 to 1")
        self.steps = StepSizes(float(shared), float(own), float(bias), float(rate), float(shrink))
        if not all(0.0 <= step <= 1.0 for step in self.steps):
            raise PolicyError(f"step sizes must be 0 to 1, not {self.steps}: larger steps overshoot")
        if not 0 <= self.rank <= 1024 or not 1 <= max_columns <= MAX_COLUMNS or limit < 1:
            raise PolicyError(f"rank must be 0 to 1024, max_columns 1 to {MAX_COLUMNS:,}, and limit at least 1")
        self.temperature, self.epsilon, self.spread = float(temperature), float(epsilon), float(spread)
        self.max_columns, self.limit, self.unit_field, self.seed = max_columns, limit, unit_field, seed
        self._reset()

    def _reset(self) -> None:
        columns = self.max_columns
        self._contexts, self._observed = (Encoder(columns, squares=False) for _ in range(2))
        self._matrices = CatalogueMatrices(Encoder(columns, squares=False), self.rank)
        self._W, self._G = np.zeros((columns, columns)), np.zeros((columns, columns))
        self._users = RowTable(columns + self.rank, self.limit // (columns + self.rank))
        self._items = RowTable(1 + self.rank, self.limit // (1 + self.rank))
        self._unknown_user = np.zeros(columns + self.rank)
        self.count = 0
        if self.start is not None:
            self._load_start(self.start)

    def _load_start(self, start: InitialFactors) -> None:
        """Load the initial factors, as far as there is room."""
        mean = min(max(start.mean, 0.001), 0.999)
        self._W[0, 0] = math.log(mean / (1.0 - mean))
        for name, row in zip(start.users, start.U, strict=True):
            self._users.add(name, np.concatenate([row[:1], np.zeros(self.max_columns - 1), row[1:]]))
        for name, row in zip(start.items, start.V, strict=True):
            self._items.add(name, row)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "temperature": self.temperature,
            "epsilon": self.epsilon,
            "rank": self.rank,
            **self.steps._asdict(),
            "spread": self.spread,
            "max_columns": self.max_columns,
            "limit": self.limit,
            "unit_field": self.unit_field,
            "seed": self.seed,
            "start": None if self.start is None else self.start.config(),
        }

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """π over the items, (K,). Raises PolicyError for features that do not fit earlier ones."""
        p = self._scaled(context, actions)
        catalogue_kernels.below_top(p)
        np.exp(p, out=p)
        catalogue_kernels.shares(p, self.epsilon)
        return p

    def odds(self, context: Row, actions: Actions) -> Odds:
        """The Luce weights exp(s/τ)."""
        return Odds(np.exp(self._scaled(context, actions)), self.epsilon)

    def scores(self, context: Row, actions: Actions) -> Vector:
        """s(i, j) of every item, (K,), clipped to ±300·τ; σ(s) is the expected reward."""
        return self._scaled(context, actions) * self.temperature

    def _scaled(self, context: Row, actions: Actions) -> Vector:
        """s/τ of every item."""
        user, x = self._split(context)
        matrix = self._matrices.matrix(actions.full_set, self._items)
        slot = -1 if user is None else self._users.find(user)
        user_row = self._unknown_user if slot < 0 else self._users.values[slot]
        out = np.empty(matrix.shape[1])
        catalogue_kernels.scores(x.cols, x.vals, self._W, user_row, self.max_columns, matrix, self.temperature, out)
        return np.delete(out, actions.excluded) if actions.excluded else out

    def _split(self, context: Row) -> tuple[str | None, SparseRow]:
        """The user, and the encoded rest of the context."""
        if isinstance(context, np.ndarray):
            return None, self._contexts.encode(context)
        rest = dict(context)
        unit = rest.pop(self.unit_field or "", None)
        return (unit if isinstance(unit, str) else None), self._contexts.encode(flat_row(rest))

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """One gradient step; see the class."""
        place, whole = actions.full_index(index), actions.full_set
        item, features = whole.ids[place], None if whole.rows is None else whole.rows[place]
        self._observe(context, features)
        user, x = self._accepted(context)
        z = self._matrices.row(features)
        i = -1 if user is None else self._slot(self._users, user, "user", self.max_columns)
        j = self._slot(self._items, item, "item", 1)
        catalogue_kernels.learn(
            z.cols, z.vals, x.cols, x.vals, self._W, self._G, self._users.values, i, self._items.values, j,
            self.max_columns, reward, *self.steps,
        )  # fmt: skip
        self._matrices.update_item(item, None if j < 0 else self._items.values[j])

    def _observe(self, context: Row, features: Row | None) -> None:
        """Update the statistics; those of items take effect at every doubling of the count."""
        self.count += 1
        if isinstance(context, np.ndarray):
            self._contexts.observe(context)
        else:
            rest = {name: value for name, value in context.items() if name != self.unit_field}
            self._contexts.observe(flat_row(rest))
        if features is not None:
            self._observed.observe(flat_row(features))
        if self.count & (self.count - 1) == 0:
            self._matrices.take_statistics(self._observed)

    def _accepted(self, context: Row) -> tuple[str | None, SparseRow]:
        """As `_split`; an array that no longer fits is encoded as an empty row."""
        try:
            return self._split(context)
        except PolicyError:
            return None, self._contexts.encode({})

    def _slot(self, table: RowTable, name: str, domain: str, before: int) -> int:
        slot = table.find(name)
        if slot >= 0 or len(table) >= table.limit:
            return slot if slot >= 0 else table.add(name)
        factors = hashed_factors(name, domain, self.seed, self.rank, self.spread)
        return table.add(name, np.concatenate([np.zeros(before), factors]))

    def discount(self, retain: float, action: str | None = None) -> None:
        """Multiply the parameters of one item, or all parameters, by `retain`."""
        if action is not None:
            slot = self._items.find(action)
            if slot >= 0:
                self._items.values[slot] *= retain
                self._matrices.update_item(action, self._items.values[slot])
            return
        for parameters in (self._W, self._G, self._users.values, self._items.values):
            parameters *= retain
        self._matrices.clear()

    def discount_unit(self, retain: float, unit: str) -> None:
        """Multiply the parameters of one user by `retain`."""
        slot = self._users.find(unit)
        if slot >= 0:
            self._users.values[slot] *= retain

    def findings(self) -> list[Finding]:
        """Those of both encoders, and users and items for which there is no room."""
        found = self._contexts.findings() + self._observed.findings("action.")
        return found + self._users.findings("new users") + self._items.findings("new items")

    def state(self) -> State:
        """Statistics, shared weights and tables."""
        return {
            "count": self.count,
            "contexts": self._contexts.state(),
            "observed": self._observed.state(),
            "features": self._matrices.encoder.state(),
            "W": self._W.copy(),
            "G": self._G.copy(),
            "users": self._users.state(),
            "items": self._items.state(),
        }

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`."""
        self.count = state["count"]
        self._contexts.restore(state["contexts"])
        self._observed.restore(state["observed"])
        self._matrices.restore(state["features"])
        self._W, self._G = state["W"].copy(), state["G"].copy()
        self._users.restore(state["users"])
        self._items.restore(state["items"])

"""Latent factors of users and items as a reward model that learns event by event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import Actions, Learner, Row, State, Vector
from croupier_policies.errors import PolicyError
from croupier_policies.factors.svd import InitialFactors
from croupier_policies.factors.tables import RowTable, hashed_factors
from croupier_policies.kernels import factors as factor_kernels
from croupier_policies.reference.factors import LearningRates
from croupier_policies.registry import register


@register
class FactorLearner(Learner):
    """r̂(i, j) = μ + b_i + c_j + u_i·v_j for user i and item j, learned by one gradient step a reward.

    e = r - r̂;  b_i += γ_n·e;  c_j += γ_n·e;  u_i += γ·(e·v_j - λ·u_i);  v_j += γ·(e·u_i - λ·v_j)
    with γ_n = max(`last`, `first`/(1 + `first`·n)) for a bias that was taught n times, γ = `rate`, λ = `shrink`. μ is
    the running mean reward, or that of the start. Factors start at small numbers
    derived by hashing the names, or at `start`.
    Of a user or item it does not know it assumes the mean: bias 0 and no factors. Estimates are cut to 0 … 1.
    (Koren, Bell & Volinsky 2009, "Matrix factorization techniques for recommender systems".)

    Items are the ids of actions; the user is a string in the context's field `unit_field`. Without it items alone are
    told apart.

    Args:
        rank: How many factors.
        first: Of the rate of a bias: at its first reward.
        last: What that rate falls to; it is never less, so that biases can follow a change.
        rate: Of the factors.
        shrink: λ.
        spread: Standard deviation of the factors' first values.
        limit: At most so many numbers for users, and as many for items; who comes after that is not learned.
        unit_field: Where the context says who the user is.
        seed: Of the first values.
        start: Initial factors or their `config()`, for example `truncated_svd(users, items, values)`; they set the rank.

    Raises:
        PolicyError: A number out of range.

    >>> learner = FactorLearner(rank=2)
    >>> for _ in range(30):
    ...     learner.learn({"unit": "u1"}, Actions(("film", "book")), 0, 1.0, 0.5)
    ...     learner.learn({"unit": "u1"}, Actions(("film", "book")), 1, 0.0, 0.5)
    >>> film, book = learner.predict({"unit": "u1"}, Actions(("film", "book")))
    >>> bool(film - book > 0.5)
    True
    """

    name: ClassVar[str] = "factors"

    def __init__(
        self,
        *,
        rank: int = 16,
        first: float = 0.2,
        last: float = 0.02,
        rate: float = 0.02,
        shrink: float = 0.02,
        spread: float = 0.05,
        limit: int = 4_000_000,
        unit_field: str = "unit",
        seed: int = 0,
        start: InitialFactors | Mapping[str, Any] | None = None,
    ) -> None:
        self.start = InitialFactors.from_config(start)
        self.rank = rank if self.start is None else self.start.rank
        for what, number in {"first": first, "last": last, "rate": rate, "shrink": shrink}.items():
            if not 0.0 <= number <= 1.0:
                raise PolicyError(f"{what} must be between 0 and 1, or steps overshoot, not {number}")
        if not 0 <= self.rank <= 1024 or not 0.0 <= spread <= 1.0 or limit < 1:
            raise PolicyError("rank is 0 to 1024, spread 0 to 1 and limit at least 1")
        self.rates = LearningRates(float(first), float(last), float(rate), float(shrink))
        self.spread, self.limit, self.unit_field, self.seed = float(spread), limit, unit_field, seed
        self.users, self.items = (RowTable(1 + self.rank, limit // (1 + self.rank)) for _ in range(2))
        self.mean, self.count, self._squares = 0.5, 0, 0.0
        self._load_start()

    def _load_start(self) -> None:
        """Take over the start, as far as there is room."""
        if self.start is None:
            return
        self.mean = self.start.mean
        for table, names, rows in (
            (self.users, self.start.users, self.start.U),
            (self.items, self.start.items, self.start.V),
        ):
            for name, row in zip(names, rows, strict=True):
                table.add(name, row)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "rank": self.rank,
            **self.rates._asdict(),
            "spread": self.spread,
            "limit": self.limit,
            "unit_field": self.unit_field,
            "seed": self.seed,
            "start": None if self.start is None else self.start.config(),
        }

    @property
    def loss(self) -> float:
        """Mean squared error of the predictions made before each event was learned; NaN before the first."""
        return self._squares / self.count if self.count else float("nan")

    def predict(self, context: Row, actions: Actions) -> Vector:
        """r̂ of every action for the context's user, (K,)."""
        user = self.users.find(self._unit(context) or "")
        items = np.array([self.items.find(id) for id in actions.ids], dtype=np.int64)
        return self._estimates(np.full(len(items), user), items)

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """One step; see the class."""
        self.learn_pair(self._unit(context), actions.full_set.ids[actions.full_index(index)], reward)

    def learn_pair(self, user: str | None, item: str, value: float) -> float:
        """Fold in what a user gave an item, 0 to 1; what was expected of it before."""
        expected = self.predict_pair(user, item)
        self.count += 1
        self._squares += (value - expected) ** 2
        if self.start is None:
            self.mean += (value - self.mean) / self.count
        i = -1 if user is None else self._slot(self.users, user, "user")
        j = self._slot(self.items, item, "item")
        self._fold_in(np.array([i]), np.array([j]), np.array([value]), self.rates)
        return expected

    def predict_pair(self, user: str | None, item: str) -> float:
        """r̂ of one pair."""
        i = -1 if user is None else self.users.find(user)
        return float(self._estimates(np.array([i]), np.array([self.items.find(item)]))[0])

    def fit(self, users: Sequence[str], items: Sequence[str], values: Vector, epochs: int = 20, seed: int = 0) -> None:
        """Learn a whole history, `epochs` times in an order shuffled by `seed`; for comparisons, outside of any log.

        Biases are learned once, or come from the start; in passes beyond that all of their steps together count as one
        pass's. Otherwise the first place in every ranking would be some item that few have rated, and rated high.

        Args:
            users: Who, one a value.
            items: What, one a value.
            values: 0 to 1, (n,).
            epochs: How often.
            seed: Of the order.
        """
        if self.start is None:
            self.mean = float(np.mean(values))
        i = np.array([self._slot(self.users, user, "user") for user in users])
        j = np.array([self._slot(self.items, item, "item") for item in items])
        rng, again = np.random.default_rng(seed), self.rates._replace(first=0.0, last=self.rates.last / max(epochs, 1))
        for epoch in range(epochs):
            order = rng.permutation(len(values))
            rates = self.rates if self.start is None and epoch == 0 else again
            self._fold_in(i[order], j[order], values[order], rates)

    def predict_pairs(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """r̂ of many pairs, (n,)."""
        i = np.array([self.users.find(user) for user in users], dtype=np.int64)
        return self._estimates(i, np.array([self.items.find(item) for item in items], dtype=np.int64))

    def _unit(self, context: Row) -> str | None:
        unit = None if isinstance(context, np.ndarray) else context.get(self.unit_field)
        return unit if isinstance(unit, str) else None

    def _slot(self, table: RowTable, name: str, domain: str) -> int:
        slot = table.find(name)
        if slot >= 0 or len(table) >= table.limit:
            return slot if slot >= 0 else table.add(name)
        return table.add(name, np.append(0.0, hashed_factors(name, domain, self.seed, self.rank, self.spread)))

    def _estimates(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> Vector:
        out = np.empty(len(j))
        factor_kernels.predict(i, j, self.mean, self.users.values, self.items.values, out)
        return out

    def _fold_in(self, i: NDArray[np.int64], j: NDArray[np.int64], values: Vector, rates: LearningRates) -> None:
        users, items = self.users, self.items
        factor_kernels.learn(i, j, values, self.mean, users.values, items.values, users.seen, items.seen, *rates)

    def state(self) -> State:
        """Rows, means and the loss so far."""
        return {
            "users": self.users.state(),
            "items": self.items.state(),
            "mean": self.mean,
            "count": self.count,
            "squares": self._squares,
        }

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        self.users.restore(state["users"])
        self.items.restore(state["items"])
        self.mean, self.count, self._squares = state["mean"], state["count"], state["squares"]

"""Latent factors of users and items as an incremental reward model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import Actions, Finding, Learner, Row, State, Vector
from croupier_policies.errors import PolicyError
from croupier_policies.factors.svd import InitialFactors
from croupier_policies.factors.tables import RowTable, hashed_factors
from croupier_policies.kernels import factors as factor_kernels
from croupier_policies.reference.factors import LearningRates
from croupier_policies.registry import register


@register
class FactorLearner(Learner):
    """r̂(i, j) = μ + b_i + c_j + u_i·v_j for user i and item j, learned by one gradient step per reward.

    e = r - r̂;  b_i += γ_n·e;  c_j += γ_n·e;  u_i += γ·(e·v_j - λ·u_i);  v_j += γ·(e·u_i - λ·v_j)
    with γ_n = max(`last`, `first`/(1 + `first`·n)) for a bias that was updated n times, γ = `rate`, λ = `shrink`. μ is
    the running mean reward, or that of `start`. Factors start at small numbers
    derived by hashing, or at `start`.
    An unknown user or item has bias 0 and factors 0. Estimates are clipped to 0 … 1.
    (Koren, Bell & Volinsky 2009, "Matrix factorization techniques for recommender systems".)

    Items are the ids of actions; the user is the string in the context's field `unit_field`. Without that field only
    the item is known.

    Args:
        rank: The number of factors.
        first: The learning rate of a bias at its first reward.
        last: The lower bound of that rate; a positive bound lets biases follow changes.
        rate: The learning rate γ of the factors.
        shrink: λ.
        spread: The standard deviation of the factors' initial values.
        limit: The largest number of parameters for users, and for items; users and items beyond it are not learned.
        unit_field: The context field that names the user.
        seed: The seed of the initial values.
        start: Initial factors or their `config()`, for example `truncated_svd(users, items, values)`; sets the rank.

    Raises:
        PolicyError: An argument is out of range.

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
                raise PolicyError(f"{what} must be between 0 and 1, not {number}: larger steps overshoot")
        if not 0 <= self.rank <= 1024 or not 0.0 <= spread <= 1.0 or limit < 1:
            raise PolicyError("rank must be 0 to 1024, spread 0 to 1, and limit at least 1")
        self.rates = LearningRates(float(first), float(last), float(rate), float(shrink))
        self.spread, self.limit, self.unit_field, self.seed = float(spread), limit, unit_field, seed
        self.users, self.items = (RowTable(1 + self.rank, limit // (1 + self.rank)) for _ in range(2))
        self.mean, self.count, self._squares = 0.5, 0, 0.0
        self._load_start()

    def _load_start(self) -> None:
        """Load the initial factors, as far as there is room."""
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
        """Progressive validation loss: mean squared error of the predictions before each event; NaN at first."""
        return self._squares / self.count if self.count else float("nan")

    def predict(self, context: Row, actions: Actions) -> Vector:
        """r̂ of every action for the user of the context, (K,)."""
        user = self.users.find(self._unit(context) or "")
        items = np.array([self.items.find(id) for id in actions.ids], dtype=np.int64)
        return self._estimates(np.full(len(items), user), items)

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """One gradient step; see the class."""
        self.learn_pair(self._unit(context), actions.full_set.ids[actions.full_index(index)], reward)

    def learn_pair(self, user: str | None, item: str, value: float) -> float:
        """Learn the reward of a (user, item) pair, 0 to 1; returns the prediction before learning."""
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
        """r̂ of one (user, item) pair."""
        i = -1 if user is None else self.users.find(user)
        return float(self._estimates(np.array([i]), np.array([self.items.find(item)]))[0])

    def fit(self, users: Sequence[str], items: Sequence[str], values: Vector, epochs: int = 20, seed: int = 0) -> None:
        """Train on a batch of ratings for several epochs in shuffled order; for comparisons outside of any log.

        Biases are learned in the first epoch, or come from `start`; in later epochs their rate is `last`/`epochs`, so
        that all epochs together move a bias like one. Otherwise items with few, high ratings would lead every ranking.

        Args:
            users: The user of each value.
            items: The item of each value.
            values: The ratings, 0 to 1, (n,).
            epochs: The number of epochs.
            seed: The seed of the order.
        """
        if self.start is None:
            self.mean = float(np.mean(values))
        i = np.array([self._slot(self.users, user, "user") for user in users])
        j = np.array([self._slot(self.items, item, "item") for item in items])
        rng, later = np.random.default_rng(seed), self.rates._replace(first=0.0, last=self.rates.last / max(epochs, 1))
        for epoch in range(epochs):
            order = rng.permutation(len(values))
            rates = self.rates if self.start is None and epoch == 0 else later
            self._fold_in(i[order], j[order], values[order], rates)

    def predict_pairs(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """r̂ of many (user, item) pairs, (n,)."""
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

    def findings(self) -> list[Finding]:
        """Users and items for which there is no room."""
        return self.users.findings("new users") + self.items.findings("new items")

    def state(self) -> State:
        """Tables, mean and the sum of squared errors."""
        return {
            "users": self.users.state(),
            "items": self.items.state(),
            "mean": self.mean,
            "count": self.count,
            "squares": self._squares,
        }

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`."""
        self.users.restore(state["users"])
        self.items.restore(state["items"])
        self.mean, self.count, self._squares = state["mean"], state["count"], state["squares"]

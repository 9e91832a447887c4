"""A centred Bayesian linear posterior for every action."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from croupier_policies import arrays
from croupier_policies.arithmetic import Arithmetic
from croupier_policies.base import State, Vector
from croupier_policies.encoder import Encoded
from croupier_policies.errors import TooLarge
from croupier_policies.kernels import LANES


def _entries(d: int) -> int:
    return d * (d + 1) // 2


def _room(have: int, need: int) -> int:
    if need <= have:
        return have
    return need if have == 1 else need + need // 4


class Ridge:
    """Ridge regressions on the reward and on the constant 1, one pair an action, with their shared centre and noise.

    A_a = I + Σ xxᵀ, θ_a = A_a⁻¹ Σ r·x, θ1_a = A_a⁻¹ Σ x, r̄ the running mean reward;
    σ² = (¼ + Σ (r - mean_a)² / (1 + sd_a²)) / (1 + n), from residuals one step ahead. Rewards lie in [0, 1].

    Arrays have room for more columns than are in use, so that a new one rarely copies them; only A⁻¹ is kept.
    """

    def __init__(self, arithmetic: Arithmetic, max_bytes: int) -> None:
        self.arithmetic = arithmetic
        self.max_bytes = max_bytes
        self.slots: dict[str, int] = {}
        self.columns = 1  # in use
        self.count = 0
        self.ignored = 0
        self.mean_reward = 0.5
        self.squares = 0.25
        self._allocate(1, 1)

    @property
    def sigma(self) -> float:
        """The residual noise σ."""
        return float((self.squares / (1 + self.count)) ** 0.5)

    def bytes_for(self, actions: int, columns: int) -> int:
        """Memory of so many actions with rows of so many columns: about 4·K·d²."""
        return -(-actions // LANES) * LANES * 8 * (_entries(columns) + 2 * columns)

    def columns_for(self, action: str) -> int:
        """The most columns d that `max_bytes` allows once this action is among those learned: d(d+1)/2 + 2d a slot."""
        groups = -(-(len(self.slots) + (action not in self.slots)) // LANES)
        numbers = self.max_bytes // (8 * LANES * groups)
        return (isqrt(25 + 8 * numbers) - 5) // 2

    def check(self, actions: int, columns: int) -> None:
        """Raises TooLarge where the model would outgrow `max_bytes`."""
        needed = self.bytes_for(actions, columns)
        if needed > self.max_bytes:
            raise TooLarge(
                f"{actions} actions with {columns} columns each need {needed / 2**20:.0f} MiB, over the limit of "
                f"{self.max_bytes / 2**20:.0f} MiB (it grows with actions x columns²): choose among fewer actions, "
                "give fewer fields, or raise max_bytes"
            )

    def scores(self, rows: Sequence[Encoded], slots: NDArray[np.int64]) -> tuple[Vector, Vector]:
        """Mean and sd, (K,), for one shared row or one row an action; slot -1 is an action never learned."""
        return self.arithmetic.scores(rows, self.columns, self._P, self._theta, self._theta1, self.mean_reward, slots)

    def learn(self, action: str, row: Encoded, reward: float, columns: int) -> None:
        """Fold in one reward of an action, for whose row `columns_for` has room."""
        slot = self.slots.setdefault(action, len(self.slots))
        self._grow(len(self.slots), columns)
        self.columns = columns
        mean, sd = self.arithmetic.learn(
            row, columns, self._P, self._theta, self._theta1, self.mean_reward, slot, reward
        )
        self.squares += (reward - mean) ** 2 / (1.0 + sd * sd)
        self.count += 1
        self.mean_reward += (reward - self.mean_reward) / self.count

    def _grow(self, actions: int, columns: int) -> None:
        """Make room; a quarter more than asked once there was something, memory allowing, so that copies stay rare."""
        groups, width = self._theta.shape[:2]
        needed = -(-actions // LANES)
        if needed <= groups and columns <= width:
            return
        old = self._P, self._theta, self._theta1
        room = _room(groups, needed), _room(width, columns)
        if self.bytes_for(room[0] * LANES, room[1]) > self.max_bytes:
            room = needed, columns
        self._allocate(*room)
        for new, kept in zip((self._P, self._theta, self._theta1), old, strict=True):
            g, d = min(new.shape[0], kept.shape[0]), min(new.shape[1], kept.shape[1])  # what is cut was spare
            new[:g, :d, :] = kept[:g, :d, :]

    def _allocate(self, groups: int, columns: int) -> None:
        """Every action at its prior: A⁻¹ = I, θ = θ1 = 0."""
        xp = self.arithmetic.xp
        triangle = np.zeros(_entries(columns))
        triangle[[_entries(i + 1) - 1 for i in range(columns)]] = 1.0
        self._P = xp.zeros((groups, _entries(columns), LANES), dtype=xp.float64)
        self._P[:, :, :] = xp.asarray(triangle)[None, :, None]
        self._theta = xp.zeros((groups, columns, LANES), dtype=xp.float64)
        self._theta1 = xp.zeros((groups, columns, LANES), dtype=xp.float64)

    def state(self) -> State:
        """Everything above without the spare room, groups and columns cut to what is in use."""
        groups = -(-len(self.slots) // LANES)
        columns = self.columns
        return {
            "actions": list(self.slots),
            "count": self.count,
            "ignored": self.ignored,
            "mean_reward": self.mean_reward,
            "squares": self.squares,
            "P": arrays.to_host(self._P[:groups, : _entries(columns), :]).copy(),
            "theta": arrays.to_host(self._theta[:groups, :columns, :]).copy(),
            "theta1": arrays.to_host(self._theta1[:groups, :columns, :]).copy(),
        }

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        xp = self.arithmetic.xp
        self.slots = {action: slot for slot, action in enumerate(state["actions"])}
        self.count, self.ignored = state["count"], state["ignored"]
        self.mean_reward, self.squares = state["mean_reward"], state["squares"]
        groups, self.columns, _ = state["theta"].shape
        self._allocate(max(groups, 1), self.columns)
        for array, name in ((self._P, "P"), (self._theta, "theta"), (self._theta1, "theta1")):
            array[:groups, :, :] = xp.asarray(state[name])

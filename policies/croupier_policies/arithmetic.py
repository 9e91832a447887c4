"""Two ways of doing the same sums: compiled for one event at a time on a CPU, or on whole arrays of any namespace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier_policies import arrays, kernels, laws, reference
from croupier_policies.base import Vector
from croupier_policies.encoder import Encoded

Array = Any  # of whichever namespace


class Arithmetic(ABC):
    """What a ridge policy asks of a device; `P`, `theta` and `theta1` are as in `reference`, an unknown slot is -1."""

    xp: Any

    @abstractmethod
    def scores(
        self,
        rows: Sequence[Encoded],
        columns: int,
        P: Array,
        theta: Array,
        theta1: Array,
        mean_reward: float,
        slots: NDArray[np.int64],
    ) -> tuple[Array, Array]:
        """Mean and sd of each action, (K,), for one shared row or one row an action, over the first `columns`."""

    @abstractmethod
    def learn(
        self,
        row: Encoded,
        columns: int,
        P: Array,
        theta: Array,
        theta1: Array,
        mean_reward: float,
        slot: int,
        reward: float,
    ) -> tuple[float, float]:
        """One step of one action, in place, over the first `columns` columns; its mean and sd before."""

    @abstractmethod
    def softmax(self, mean: Array, sd: Array, sigma: float, alpha: float, v: float, epsilon: float) -> Vector:
        """`laws.softmax`, its result on the host."""

    def inverse_gap(
        self, mean: Array, sd: Array, sigma: float, alpha: float, gamma: float, rewards: int, epsilon: float
    ) -> Vector:
        """`laws.inverse_gap`, its result on the host."""
        return arrays.to_host(laws.inverse_gap(self.xp, mean, sd, sigma, alpha, gamma, rewards, epsilon))


class Compiled(Arithmetic):
    """The numba kernels."""

    xp = np

    def scores(
        self,
        rows: Sequence[Encoded],
        columns: int,
        P: Array,
        theta: Array,
        theta1: Array,
        mean_reward: float,
        slots: NDArray[np.int64],
    ) -> tuple[Array, Array]:
        """Shared rows go through all actions of a group at once, rows of their own one action at a time."""
        mean, sd = np.empty(slots.shape[0]), np.empty(slots.shape[0])
        if len(rows) == 1:
            kernels.scores(*rows[0], P, theta, theta1, mean_reward, slots, mean, sd)
        else:
            for k, row in enumerate(rows):
                mean[k], sd[k] = kernels.score_one(*row, P, theta, theta1, mean_reward, slots[k])
        return mean, sd

    def learn(
        self,
        row: Encoded,
        columns: int,
        P: Array,
        theta: Array,
        theta1: Array,
        mean_reward: float,
        slot: int,
        reward: float,
    ) -> tuple[float, float]:
        """The rank-one step in place."""
        mean, sd = kernels.learn(row.cols, row.vals, P, theta, theta1, mean_reward, slot, reward, columns)
        return mean, sd

    def softmax(self, mean: Array, sd: Array, sigma: float, alpha: float, v: float, epsilon: float) -> Vector:
        """The kernel of the same law."""
        out = np.empty(mean.shape[0])
        kernels.softmax(mean, sd, sigma, alpha, v, epsilon, out)
        return out


class Arrays(Arithmetic):
    """The reference formulas on numpy, CuPy or another namespace."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def scores(
        self,
        rows: Sequence[Encoded],
        columns: int,
        P: Array,
        theta: Array,
        theta1: Array,
        mean_reward: float,
        slots: NDArray[np.int64],
    ) -> tuple[Array, Array]:
        """Dense rows through the matrix products of `reference`; unknown actions get their prior."""
        xp = self.xp
        P, theta, theta1 = _in_use(columns, P, theta, theta1)
        X = xp.asarray(np.stack([_dense(row, columns) for row in rows]))
        unseen = xp.asarray(np.array([row.unseen for row in rows]))
        where = xp.asarray(np.maximum(slots, 0))
        known = xp.asarray(slots >= 0)
        prior = xp.sqrt(xp.sum(X * X, axis=1) + unseen)
        if len(rows) == 1:
            mean, sd = reference.scores(xp, X, unseen, P, theta, theta1, mean_reward, where)
            mean, sd = mean[0, :], sd[0, :]
        else:
            mean, sd = reference.scores_rows(xp, X, unseen, P, theta, theta1, mean_reward, where)
        return xp.where(known, mean, xp.full_like(mean, mean_reward)), xp.where(known, sd, prior)

    def learn(
        self,
        row: Encoded,
        columns: int,
        P: Array,
        theta: Array,
        theta1: Array,
        mean_reward: float,
        slot: int,
        reward: float,
    ) -> tuple[float, float]:
        """The rank-one step in place."""
        x = self.xp.asarray(_dense(row, columns))
        return reference.learn(self.xp, x, *_in_use(columns, P, theta, theta1), mean_reward, slot, reward)

    def softmax(self, mean: Array, sd: Array, sigma: float, alpha: float, v: float, epsilon: float) -> Vector:
        """The law on the device, its result copied to the host."""
        return arrays.to_host(laws.softmax(self.xp, mean, sd, sigma, alpha, v, epsilon))


def _in_use(columns: int, P: Array, theta: Array, theta1: Array) -> tuple[Array, Array, Array]:
    """Views without the spare columns: how many numbers are summed decides in which order, and so the last bit."""
    return P[:, : columns * (columns + 1) // 2, :], theta[:, :columns, :], theta1[:, :columns, :]


def _dense(row: Encoded, d: int) -> Vector:
    vector = np.zeros(d)
    vector[row.cols] = row.vals
    return vector


def for_device(device: str) -> Arithmetic:
    """Compiled kernels for "cpu", array formulas for "numpy" and "cuda"."""
    return Compiled() if device == "cpu" else Arrays(arrays.namespace(device))

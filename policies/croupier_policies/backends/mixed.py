"""A mixed model's posteriors: by compiled kernels, and by the formulas on any array namespace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies import arrays
from croupier_policies.base import Vector
from croupier_policies.encoding.arena import Arena
from croupier_policies.encoding.cells import CellTable
from croupier_policies.encoding.mixed import PackedRow
from croupier_policies.kernels import arena, two_part
from croupier_policies.kernels import encoding_mixed as encoding
from croupier_policies.reference import two_part as reference
from croupier_policies.reference.ridge import triangle


class Memory(NamedTuple):
    """Everything that a mixed model has learned.

    Attributes:
        arena: Statistics of the encoding, and the posteriors but for their cells.
        cells: Those of all members.
        pairs: Those of products of fields, of the one member that has them.
    """

    arena: Arena
    cells: CellTable
    pairs: CellTable

    def section(self, m: int, k: int) -> Vector:
        """Section k of member m."""
        return self.arena.section(arena.MEMBERS + arena.PER_MEMBER * m + k)

    def kind(self, m: int) -> tuple[int, int, int]:
        """Whether member m has squares, pairs, and forgets."""
        first = arena.MEMBER_KIND + 3 * m
        squares, pairs, forgets = self.arena.layout[first : first + 3].tolist()
        return squares, pairs, forgets


class MixedBackend(ABC):
    """How a mixed model estimates and learns."""

    @abstractmethod
    def estimate(self, memory: Memory, row: PackedRow, slots: NDArray[np.int64]) -> tuple[Any, Any, float, int]:
        """The leader's mean and sd of the actions in `slots`, -1 for one never rewarded; σ and the rewards learned."""

    @abstractmethod
    def learn(self, memory: Memory, row: PackedRow, slot: int, reward: float) -> float:
        """Observe the row and teach every member; returns the leader's prediction before."""


class NumbaMixedBackend(MixedBackend):
    """One kernel call for each."""

    def estimate(self, memory: Memory, row: PackedRow, slots: NDArray[np.int64]) -> tuple[Any, Any, float, int]:
        """The kernel `two_part.estimate`."""
        mean, sd = np.empty(slots.shape[0]), np.empty(slots.shape[0])
        floats, layout = memory.arena.floats, memory.arena.layout
        sigma, n = two_part.estimate(
            floats, layout, memory.cells.arrays, memory.pairs.arrays, *row, slots, mean, sd
        )
        return mean, sd, sigma, int(n)

    def learn(self, memory: Memory, row: PackedRow, slot: int, reward: float) -> float:
        """The kernel `two_part.learn`."""
        floats, layout = memory.arena.floats, memory.arena.layout
        return float(two_part.learn(floats, layout, memory.cells.arrays, memory.pairs.arrays, *row, slot, reward))


class _Where(NamedTuple):
    """A row as one member sees it: u, s, and where the values of s are."""

    u: Vector
    s: Vector
    coordinates: int
    cells: NDArray[np.int64]  # (slots, hashes), -1 for none
    pairs: NDArray[np.int64]


class ArrayMixedBackend(MixedBackend):
    """The formulas; rows are encoded on the host, by the kernels, and posteriors go to the device for each operation."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def estimate(self, memory: Memory, row: PackedRow, slots: NDArray[np.int64]) -> tuple[Any, Any, float, int]:
        """`reference.two_part.scores`."""
        floats, layout = memory.arena.floats, memory.arena.layout
        m = two_part.leader(floats, layout)
        noise = memory.section(m, arena.NOISE)[0]
        encoded = encoding.encode(floats, layout, *row, bool(memory.kind(m)[1]))
        found = [
            np.array([table.find(hashes, int(slot)) for slot in slots], np.int64).reshape(len(slots), -1)
            for table, hashes in ((memory.cells, encoded[5]), (memory.pairs, encoded[7]))
        ]
        where = self._where(memory, m, encoded, *found)
        posterior = self._posterior(memory, m, slots, where)
        u, s = self.xp.asarray(where.u), self.xp.asarray(where.s)
        mean, sd = reference.scores(self.xp, u, s, posterior, float(noise[arena.MEAN_REWARD]), encoded[9])
        return mean, sd, float(two_part.sigma(noise)), int(noise[arena.REWARDS])

    def learn(self, memory: Memory, row: PackedRow, slot: int, reward: float) -> float:
        """`reference.two_part.learn` of every member."""
        floats, layout = memory.arena.floats, memory.arena.layout
        members = range(int(layout[arena.MEMBER_COUNT]))
        encoding.observe(floats, layout, *row)
        encoded = encoding.encode(floats, layout, *row, any(memory.kind(m)[1] for m in members))
        claimed = memory.cells.claim(encoded[5], slot)[None, :], memory.pairs.claim(encoded[7], slot)[None, :]
        leader = two_part.leader(floats, layout)
        means = [self._teach(memory, m, slot, reward, self._where(memory, m, encoded, *claimed)) for m in members]
        return means[leader]

    def _where(
        self, memory: Memory, m: int, encoded: Any, cells: NDArray[np.int64], pairs: NDArray[np.int64]
    ) -> _Where:
        squares, crosses, _ = memory.kind(m)
        u = np.zeros(int(memory.arena.layout[arena.COLUMNS + squares]))
        u[encoded[2 * squares]] = encoded[2 * squares + 1]
        parts = [encoded[4], encoded[6], encoded[8]] if crosses else [encoded[4], encoded[6]]
        return _Where(u, np.concatenate(parts), encoded[4].shape[0], cells, pairs if crosses else pairs[:, :0])

    def _posterior(self, memory: Memory, m: int, slots: NDArray[np.int64], where: _Where) -> reference.Posterior:
        """The posteriors of several actions on the device; the prior for slot -1."""
        d, xp, known = where.u.shape[0], self.xp, slots >= 0
        rows, cols, entry = triangle(np, d)
        B = np.broadcast_to(np.eye(d), (len(slots), d, d)).copy()
        theta, theta1 = np.zeros((len(slots), d)), np.zeros((len(slots), d))
        diagonal = np.zeros((3, len(slots), where.s.shape[0]))
        if known.any():
            weights, vectors = memory.section(m, arena.WEIGHTS), memory.section(m, arena.VECTORS)
            P, R, own = weights.shape[1] // 2, vectors.shape[1] // 3, slots[known]
            B[known] = memory.section(m, arena.TRIANGLES)[own][:, entry].reshape(-1, d, d)
            theta[known], theta1[known] = weights[own][:, :d], weights[own][:, P : P + d]
            for part in range(3):
                diagonal[part, known, :R] = vectors[own][:, part * R : (part + 1) * R]
        end = where.coordinates + where.cells.shape[1]
        diagonal[:, :, where.coordinates : end] = self._cells(memory.cells.cells, where.cells, memory, m)
        diagonal[:, :, end:] = _gathered(memory.pairs.cells, where.pairs, 0)
        return reference.Posterior(*map(xp.asarray, (B, theta, theta1, *diagonal)))

    def _cells(self, cells: Vector, index: NDArray[np.int64], memory: Memory, m: int) -> Vector:
        """prec - 1, w and w1 of cells, after the forgetting that is due."""
        values = _gathered(cells, index, two_part.PER_MEMBER * m)
        if not memory.kind(m)[2]:
            return values
        steps = memory.section(m, arena.NOISE)[0, arena.EPOCHS] - np.where(index < 0, 0.0, cells[index, -2])
        return np.array(reference.forget_diagonal(*values, two_part.RETAINED**steps))

    def _teach(self, memory: Memory, m: int, slot: int, reward: float, where: _Where) -> float:
        forgets, noise = memory.kind(m)[2], memory.section(m, arena.NOISE)[0]
        posterior = self._posterior(memory, m, np.array([slot]), where)
        one = reference.Posterior(*(part[0, ...] for part in posterior))
        u, s = self.xp.asarray(where.u), self.xp.asarray(where.s)
        learned, seen = reference.learn(self.xp, u, s, one, reward)
        B, theta, theta1, *diagonal = map(arrays.to_host, learned)
        d = B.shape[0]
        rows, cols, _ = triangle(np, d)
        memory.section(m, arena.TRIANGLES)[slot, : d * (d + 1) // 2] = B[rows, cols]
        weights, vector = memory.section(m, arena.WEIGHTS)[slot], memory.section(m, arena.VECTORS)[slot]
        weights[:d], weights[weights.shape[0] // 2 :][:d] = theta, theta1
        first, R, end = two_part.PER_MEMBER * m, where.coordinates, where.coordinates + where.cells.shape[1]
        cells, pairs = where.cells[0], where.pairs[0]
        for part, values in enumerate(diagonal):
            vector[part * R : (part + 1) * R] = values[:R]
            memory.cells.cells[cells[cells >= 0], first + part] = values[R:end][cells >= 0]
            memory.pairs.cells[pairs[pairs >= 0], part] = values[end:][pairs >= 0]
        if forgets:
            memory.cells.cells[cells[cells >= 0], -2] = noise[arena.EPOCHS]
        predicted, predicted1, q = float(seen.predicted), float(seen.predicted1), float(seen.q)
        mean = float(noise[arena.MEAN_REWARD]) * (1.0 - predicted1) + predicted
        two_part.hear(noise, reward, mean, q)
        if forgets and int(noise[arena.REWARDS]) % int(memory.arena.layout[arena.FORGETS_EVERY]) == 0:
            two_part.forget(memory.arena.floats, memory.arena.layout, m, two_part.RETAINED, -1)
            noise[arena.EPOCHS] += 1.0
        return mean


def _gathered(cells: Vector, index: NDArray[np.int64], first: int) -> Vector:
    """The numbers of cells, (3,) + the shape of the index; 0 where it is -1."""
    values = np.where((index < 0)[..., None], 0.0, cells[index, first : first + 3])
    return np.moveaxis(values, -1, 0)


def mixed_backend(device: str) -> MixedBackend:
    """Kernels for "cpu", formulas for other devices. Raises DeviceMissing."""
    return NumbaMixedBackend() if device == "cpu" else ArrayMixedBackend(arrays.namespace(device))

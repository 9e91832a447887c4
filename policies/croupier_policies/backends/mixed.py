"""A mixed model's posteriors: by compiled kernels, and by the formulas on any array namespace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies import arrays
from croupier_policies.base import Vector
from croupier_policies.encoding.arena import Arena
from croupier_policies.encoding.cells import CellTable, Products
from croupier_policies.encoding.items import PackedItems
from croupier_policies.encoding.mixed import PackedRow
from croupier_policies.kernels import arena, blocks, two_part
from croupier_policies.kernels import encoding_mixed as encoding
from croupier_policies.kernels.cells import LANES
from croupier_policies.kernels.crossing import SHARED
from croupier_policies.reference import two_part as reference
from croupier_policies.reference.ridge import triangle


class Memory(NamedTuple):
    """Everything that a mixed model has learned.

    Attributes:
        arena: Statistics of the encoding, and the posteriors but for their cells.
        cells: Those of all members.
        pairs: Those of products of fields, of the one member that has them.
        features: Statistics of the features of actions.
        products: Columns of their products with the context.
    """

    arena: Arena
    cells: CellTable
    pairs: CellTable
    features: Arena
    products: Products

    @property
    def rotations(self) -> tuple[Any, Any]:
        """Of the bases of contexts and of features."""
        one, other = (np.uint64(blocks.rotations(*each.arrays)) for each in (self.arena, self.features))
        return one, other

    @property
    def arrays(self) -> tuple[Any, ...]:
        """What every kernel takes first."""
        tables = self.cells.arrays, self.pairs.arrays, self.products.arrays
        return *self.arena.arrays, *self.features.arrays, *tables

    def section(self, m: int, k: int) -> Vector:
        """Section k of member m."""
        return self.arena.section(arena.MEMBERS + arena.PER_MEMBER * m + k)

    def kind(self, m: int) -> tuple[int, int, int]:
        """Whether member m has squares, pairs, and forgets."""
        first = arena.MEMBER_KIND + 3 * m
        squares, pairs, forgets = self.arena.layout[first : first + 3].tolist()
        return squares, pairs, forgets


NO_ITEM = PackedRow(np.zeros(0, np.int64), np.zeros(0))
NO_ITEMS = PackedItems(*NO_ITEM, np.zeros((0, 2), np.int64), np.zeros((0, 0)))


class Slots(NamedTuple):
    """Where candidates are.

    Attributes:
        slots: That of each, (K,), -1 for one never rewarded.
        order: Indices that sort them.
    """

    slots: NDArray[np.int64]
    order: NDArray[np.int64]


class MixedBackend(ABC):
    """How a mixed model estimates and learns."""

    @abstractmethod
    def estimate(
        self, memory: Memory, row: PackedRow, items: PackedItems | None, actions: Slots
    ) -> tuple[Any, Any, float, int]:
        """The leader's mean and sd of the actions; σ and the rewards learned."""

    @abstractmethod
    def learn(self, memory: Memory, row: PackedRow, item: PackedRow | None, slot: int, reward: float) -> float:
        """Observe context and features and teach every member; returns the leader's prediction before."""


class NumbaMixedBackend(MixedBackend):
    """One kernel call for each."""

    def estimate(
        self, memory: Memory, row: PackedRow, items: PackedItems | None, actions: Slots
    ) -> tuple[Any, Any, float, int]:
        """The kernel `two_part.estimate`."""
        slots, order = actions
        mean, sd = np.empty(slots.shape[0]), np.empty(slots.shape[0])
        arguments = *memory.arrays, *row, *(NO_ITEMS if items is None else items)
        sigma, n = two_part.estimate(*arguments, slots, order, mean, sd)  # type: ignore[call-arg] # the tuple's length is not known
        return mean, sd, sigma, int(n)

    def learn(self, memory: Memory, row: PackedRow, item: PackedRow | None, slot: int, reward: float) -> float:
        """The kernel `two_part.learn`."""
        arguments = *memory.arrays, *row, *(NO_ITEM if item is None else item)
        return float(two_part.learn(*arguments, slot, reward))  # type: ignore[call-arg] # the tuple's length is not known


class _Where(NamedTuple):
    """A row as one member sees it, and where the parts of its posterior are.

    Attributes:
        u: The own full part, then the shared one.
        s: Coordinates of the features, of the context, own cells, shared cells, pairs.
        featured: Whether the action has features.
        columns: Of the own full part.
        features: How many coordinates of the features.
        coordinates: How many of the context.
        shared: How many shared cells.
        cells: (slots, own and shared hashes), -1 for none.
        pairs: (slots, hashes), -1 for none.
    """

    u: Vector
    s: Vector
    featured: bool
    columns: int
    features: int
    coordinates: int
    shared: int
    cells: NDArray[np.int64]
    pairs: NDArray[np.int64]


class ArrayMixedBackend(MixedBackend):
    """The formulas; rows are encoded on the host by the kernels, and posteriors go to the device for each operation."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def estimate(
        self, memory: Memory, row: PackedRow, items: PackedItems | None, actions: Slots
    ) -> tuple[Any, Any, float, int]:
        """`reference.two_part.scores`; for all actions at once if they have no features."""
        slots = actions.slots
        m = two_part.leader(*memory.arena.arrays)
        noise = memory.section(m, arena.NOISE)[0]
        encoded = encoding.encode(*memory.arena.arrays, *row, bool(memory.kind(m)[1]))
        if items is None:
            mean, sd = self._scores(memory, m, encoded, two_part.nothing(), slots, None)
        else:
            each = []
            for k, z in enumerate(items.coordinates):
                (i, j), (i1, j1) = items.starts[k], items.starts[k + 1]
                features = encoding.encode_at(
                    *memory.features.arrays, items.integers[i:i1], items.floats[j:j1], z, False
                )
                own, shared = two_part.joined(encoded, features, memory.rotations, memory.products.arrays, False)
                own = *own[:9], own[9] + features[9]
                each.append(self._scores(memory, m, own, shared, slots[k : k + 1], features[4]))
            mean, sd = (self.xp.concat(parts) for parts in zip(*each, strict=True))
        return mean, sd, float(two_part.sigma(noise)), int(noise[arena.REWARDS])

    def _scores(
        self, memory: Memory, m: int, row: Any, shared: Any, slots: NDArray[np.int64], features: Vector | None
    ) -> tuple[Any, Any]:
        cells = [memory.cells.find(row[5], int(slot)) + memory.cells.find(shared[2], SHARED) for slot in slots]
        pairs = [memory.pairs.find(row[7], int(slot)) for slot in slots]
        index = [np.array(found, np.int64).reshape(len(slots), -1) for found in (cells, pairs)]
        where = self._where(memory, m, row, shared, features, *index)
        u, s, posterior = self.xp.asarray(where.u), self.xp.asarray(where.s), self._posterior(memory, m, slots, where)
        return reference.scores(
            self.xp, u, s, posterior, float(memory.section(m, arena.NOISE)[0, arena.MEAN_REWARD]), row[9]
        )

    def learn(self, memory: Memory, row: PackedRow, item: PackedRow | None, slot: int, reward: float) -> float:
        """`reference.two_part.learn` of every member."""
        members = range(int(memory.arena.layout[arena.MEMBER_COUNT]))
        encoding.observe(*memory.arena.arrays, *row)
        if item is not None:
            encoding.observe(*memory.features.arrays, *item)
        own = encoding.encode(*memory.arena.arrays, *row, any(memory.kind(m)[1] for m in members))
        shared, coordinates = two_part.nothing(), None
        if item is not None:
            features = encoding.encode(*memory.features.arrays, *item, False)
            coordinates = features[4]
            own, shared = two_part.joined(own, features, memory.rotations, memory.products.arrays, True)
        claims = memory.cells.claim(own[5], slot), memory.pairs.claim(own[7], slot)
        cells = np.concatenate([claims[0], memory.cells.claim(shared[2], SHARED)])
        leader = two_part.leader(*memory.arena.arrays)
        index = cells[None, :], claims[1][None, :]
        means = [
            self._teach(memory, m, slot, reward, self._where(memory, m, own, shared, coordinates, *index))
            for m in members
        ]
        return float(means[leader])

    def _where(
        self,
        memory: Memory,
        m: int,
        row: Any,
        shared: Any,
        features: Vector | None,
        cells: NDArray[np.int64],
        pairs: NDArray[np.int64],
    ) -> _Where:
        squares, crosses, _ = memory.kind(m)
        columns = int(memory.arena.layout[arena.COLUMNS + squares])
        u = np.zeros(columns + (0 if features is None else memory.products.used))
        u[row[2 * squares]] = row[2 * squares + 1]
        u[columns + shared[0]] = shared[1]
        coordinates = np.zeros(0) if features is None else features
        parts = [coordinates, row[4], row[6], shared[3], *([row[8]] if crosses else [])]
        kept = pairs if crosses else pairs[:, :0]
        sizes = coordinates.shape[0], row[4].shape[0], shared[2].shape[0]
        return _Where(u, np.concatenate(parts), features is not None, columns, *sizes, cells, kept)

    def _posterior(self, memory: Memory, m: int, slots: NDArray[np.int64], where: _Where) -> reference.Posterior:
        """The posteriors of several actions on the device; the prior for slot -1."""
        d, c, known = where.u.shape[0], where.columns, slots >= 0
        B = np.broadcast_to(np.eye(d), (len(slots), d, d)).copy()
        theta, theta1 = np.zeros((len(slots), d)), np.zeros((len(slots), d))
        diagonal = np.zeros((3, len(slots), where.s.shape[0]))
        if known.any():
            weights, vectors = memory.section(m, arena.WEIGHTS), memory.section(m, arena.VECTORS)
            P, R, own = weights.shape[1] // 2, vectors.shape[1] // 3, slots[known]
            square = triangle(np, c)[2]
            B[known, :c, :c] = memory.section(m, arena.TRIANGLES)[own][:, square].reshape(-1, c, c)
            theta[known, :c], theta1[known, :c] = weights[own][:, :c], weights[own][:, P : P + c]
            f = where.features
            for part in range(3):
                diagonal[part, known, f : f + R] = vectors[own][:, part * R : (part + 1) * R]
        if d > c:
            weights = memory.section(m, arena.SHARED_WEIGHTS)[0]
            square, P = triangle(np, d - c)[2], weights.shape[0] // 2
            B[:, c:, c:] = memory.section(m, arena.SHARED_TRIANGLE)[0, square].reshape(d - c, d - c)
            theta[:, c:], theta1[:, c:] = weights[: d - c], weights[P : P + d - c]
        constant, vector = self._of_features(memory, m)
        diagonal[:, :, : where.features] = vector[:, None, : where.features]
        start = where.features + where.coordinates
        end = start + where.cells.shape[1]
        lanes = _lanes(slots, where)
        diagonal[:, :, start:end] = self._cells(memory, m, where.cells, lanes)
        diagonal[:, :, end:] = _gathered(memory.pairs.cells, where.pairs, _lanes(slots, where, pairs=True), 0)
        constants = constant.tolist() if where.featured else (0.0, 0.0)
        on_device = [self.xp.asarray(array) for array in (B, theta, theta1, *diagonal)]
        return reference.Posterior._make([*on_device, *constants])

    @staticmethod
    def _of_features(memory: Memory, m: int) -> tuple[Vector, Vector]:
        """The constants, (2,), and prec - 1, w and w1 of the coordinates, (3, R): views."""
        first = arena.MEMBERS + arena.PER_MEMBER * m
        constant, vector = (memory.features.section(first + k)[0] for k in (arena.WEIGHTS, arena.VECTORS))
        return constant, vector.reshape(3, -1)

    def _cells(self, memory: Memory, m: int, index: NDArray[np.int64], lanes: NDArray[np.int64]) -> Vector:
        """prec - 1, w and w1 of cells, after the forgetting that is due."""
        cells = memory.cells.cells
        values = _gathered(cells, index, lanes, two_part.PER_MEMBER * m)
        if not memory.kind(m)[2]:
            return values
        stamps = np.where(index < 0, 0.0, cells[index, lanes - LANES])
        retain = two_part.RETAINED ** (memory.section(m, arena.NOISE)[0, arena.EPOCHS] - stamps)
        return np.array(reference.forget_diagonal(values[0], values[1], values[2], retain))

    def _teach(self, memory: Memory, m: int, slot: int, reward: float, where: _Where) -> float:
        forgets, noise = memory.kind(m)[2], memory.section(m, arena.NOISE)[0]
        posterior = self._posterior(memory, m, np.array([slot]), where)
        one = reference.Posterior._make([*(part[0, ...] for part in posterior[:6]), *posterior[6:]])
        u, s = self.xp.asarray(where.u), self.xp.asarray(where.s)
        learned, seen = reference.learn(self.xp, u, s, one, reward)
        B, theta, theta1, *diagonal = map(arrays.to_host, learned[:6])
        own, shared = slice(where.columns), slice(where.columns, None)
        _store(
            memory.section(m, arena.TRIANGLES)[slot],
            memory.section(m, arena.WEIGHTS)[slot],
            (B[own, own], theta[own], theta1[own]),
        )
        if where.featured:
            self._of_features(memory, m)[1][:, : where.features] = [values[: where.features] for values in diagonal]
            _store(
                memory.section(m, arena.SHARED_TRIANGLE)[0],
                memory.section(m, arena.SHARED_WEIGHTS)[0],
                (B[shared, shared], theta[shared], theta1[shared]),
            )
        vector = memory.section(m, arena.VECTORS)[slot]
        first, f, start = two_part.PER_MEMBER * m, where.features, where.features + where.coordinates
        R, end = where.coordinates, start + where.cells.shape[1]
        index = np.array([slot])
        for table, found, lanes, at, values in (
            (memory.cells.cells, where.cells[0], _lanes(index, where)[0], first, [d[start:end] for d in diagonal]),
            (memory.pairs.cells, where.pairs[0], _lanes(index, where, pairs=True)[0], 0, [d[end:] for d in diagonal]),
        ):
            has = found >= 0
            for part, learned_values in enumerate(values):
                table[found[has], LANES * (at + part) + lanes[has]] = learned_values[has]
            if forgets and table is memory.cells.cells:
                table[found[has], lanes[has] - LANES] = noise[arena.EPOCHS]
        for part, own_values in enumerate(diagonal):
            vector[part * R : (part + 1) * R] = own_values[f : f + R]
        predicted, predicted1, q = float(seen.predicted), float(seen.predicted1), float(seen.q)
        mean = float(noise[arena.MEAN_REWARD]) * (1.0 - predicted1) + predicted
        two_part.hear(noise, reward, mean, q)
        if forgets and int(noise[arena.REWARDS]) % int(memory.arena.layout[arena.FORGETS_EVERY]) == 0:
            two_part.forget(*memory.arena.arrays, *memory.features.arrays, m, two_part.RETAINED, -1)
            noise[arena.EPOCHS] += 1.0
        return mean


def _store(packed: Vector, weights: Vector, learned: tuple[Vector, Vector, Vector]) -> None:
    """Write a covariance into a packed triangle, and θ and θ1 into the halves of the weights."""
    B, theta, theta1 = learned
    d = B.shape[0]
    rows, cols, _ = triangle(np, d)
    packed[: d * (d + 1) // 2] = B[rows, cols]
    weights[:d], weights[weights.shape[0] // 2 :][:d] = theta, theta1


def _lanes(slots: NDArray[np.int64], where: _Where, pairs: bool = False) -> NDArray[np.int64]:
    """The lane of each cell in the numbers of its group, in the shape of the index."""
    if pairs:
        return np.broadcast_to((slots & two_part.MASK)[:, None], where.pairs.shape)
    lanes = np.broadcast_to((slots & two_part.MASK)[:, None], where.cells.shape).copy()
    lanes[:, where.cells.shape[1] - where.shared :] = SHARED & two_part.MASK
    return lanes


def _gathered(cells: Vector, index: NDArray[np.int64], lanes: NDArray[np.int64], first: int) -> Vector:
    """prec - 1, w and w1 of cells, (3,) + the shape of the index; 0 where it is -1."""
    return np.array([np.where(index < 0, 0.0, cells[index, LANES * (first + part) + lanes]) for part in range(3)])


def mixed_backend(device: str) -> MixedBackend:
    """Kernels for "cpu", formulas for other devices. Raises DeviceMissing."""
    return NumbaMixedBackend() if device == "cpu" else ArrayMixedBackend(arrays.namespace(device))

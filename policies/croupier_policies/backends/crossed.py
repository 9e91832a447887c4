"""Operations on products of context and action features: compiled, and on any array namespace.

Symbols: φ = x ⊗ z, where x has dx columns and z has dz; Z, (dz, K), holds the z of all candidates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from croupier_policies.base import Vector
from croupier_policies.encoding.scaler import SparseRow
from croupier_policies.kernels import crossed as crossed_kernels
from croupier_policies.reference.ridge import Array, Projection, packed, triangle


class CrossedArrays(NamedTuple):
    """A posterior over φ: its covariance, block (i, j), i ≥ j, at i(i+1)/2 + j, (T, dz, dz), and w and w1, (dx, dz)."""

    Q: Array
    w: Array
    w1: Array


class CrossedBackend(ABC):
    """The operations of a hybrid model on a device."""

    @abstractmethod
    def scores(self, x: SparseRow, Z: Array, shared: CrossedArrays, centre: float) -> tuple[Array, Array]:
        """φᵀQφ and (w - r̄·w1)ᵀφ of every candidate, (K,) each, with r̄ = `centre`."""

    @abstractmethod
    def project(self, x: SparseRow, z: Vector, shared: CrossedArrays) -> Projection:
        """Qφ, (dx, dz), and φᵀQφ, wᵀφ and w1ᵀφ."""

    @abstractmethod
    def update(self, shared: CrossedArrays, px: Array, down: float, step: float, step1: float) -> None:
        """Q -= down·pxpxᵀ, w += step·px, w1 += step1·px, in place."""


class NumbaCrossedBackend(CrossedBackend):
    """The numba kernels."""

    def scores(self, x: SparseRow, Z: Array, shared: CrossedArrays, centre: float) -> tuple[Array, Array]:
        """zᵀMz of all candidates, with M = Σ x_i·x_j·Q_ij contracted once."""
        dz, count = Z.shape
        M, u = np.empty((dz, dz)), np.empty(dz)
        quadratic, mean = np.zeros(count), np.zeros(count)
        crossed_kernels.contract(x.cols, x.vals, *shared, centre, M, u)
        crossed_kernels.forms(Z, M, u, quadratic, mean, np.empty(count))
        return quadratic, mean

    def project(self, x: SparseRow, z: Vector, shared: CrossedArrays) -> Projection:
        """The product with the packed blocks."""
        px = np.empty(shared.w.shape)
        return Projection(px, *crossed_kernels.project(x.cols, x.vals, z, *shared, px))

    def update(self, shared: CrossedArrays, px: Array, down: float, step: float, step1: float) -> None:
        """The rank-one update."""
        crossed_kernels.update(*shared, px, down, step, step1)


class ArrayCrossedBackend(CrossedBackend):
    """Products of whole arrays."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def scores(self, x: SparseRow, Z: Array, shared: CrossedArrays, centre: float) -> tuple[Array, Array]:
        """Contract M = Σ x_i·x_j·Q_ij, then take two matrix products."""
        xp = self.xp
        X = xp.asarray(x.dense(shared.w.shape[0]))
        M = xp.sum(packed(xp, X[None, :])[0, :][:, None, None] * shared.Q, axis=0)
        u = xp.sum(X[:, None] * (shared.w - centre * shared.w1), axis=0)
        Z = xp.asarray(Z)
        return xp.sum(xp.matmul(M, Z) * Z, axis=0), xp.sum(u[:, None] * Z, axis=0)

    def project(self, x: SparseRow, z: Vector, shared: CrossedArrays) -> Projection:
        """The product with all blocks; those above the diagonal are transposes of those below."""
        xp, (dx, dz) = self.xp, shared.w.shape
        phi = xp.asarray(np.outer(x.dense(dx), z))
        blocks = xp.reshape(xp.take(shared.Q, triangle(xp, dx)[2], axis=0), (dx, dx, dz, dz))
        lower = xp.asarray(np.tri(dx, dtype=np.bool_))[:, :, None, None]
        full = xp.where(lower, blocks, xp.permute_dims(blocks, (0, 1, 3, 2)))
        px = xp.sum(xp.sum(full * phi[None, :, None, :], axis=3), axis=1)
        return Projection(px, *(float(xp.sum(phi * array)) for array in (px, shared.w, shared.w1)))

    def update(self, shared: CrossedArrays, px: Array, down: float, step: float, step1: float) -> None:
        """The rank-one update."""
        rows, cols, _ = triangle(self.xp, px.shape[0])
        one, other = self.xp.take(px, rows, axis=0), self.xp.take(px, cols, axis=0)
        shared.Q[:, :, :] = shared.Q - down * one[:, :, None] * other[:, None, :]
        shared.w[:, :] = shared.w + step * px
        shared.w1[:, :] = shared.w1 + step1 * px

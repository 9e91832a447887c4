"""Where latent factors start: a truncated singular value decomposition of a history."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import Vector
from croupier_policies.errors import PolicyError

PRIOR = 5.0  # ratings' worth of shrinkage of a start's biases
MAX_NUMBERS = 1 << 24  # numbers in a start, which is part of a configuration


class InitialFactors(NamedTuple):
    """Names and rows (bias, factors) of users and items, and the mean they deviate from.

    Made once, outside of the log, it is part of the configuration of whatever starts from it: what the log says is
    folded on top, and never what made the start.
    """

    mean: float
    users: tuple[str, ...]
    items: tuple[str, ...]
    U: Vector  # (users, 1 + rank)
    V: Vector  # (items, 1 + rank)

    @property
    def rank(self) -> int:
        """How many factors a row has."""
        return int(self.U.shape[1]) - 1

    def config(self) -> dict[str, Any]:
        """As plain data that JSON can hold, bit for bit."""
        packed = [base64.b64encode(np.ascontiguousarray(M, dtype="<f8").tobytes()).decode() for M in (self.U, self.V)]
        return {"mean": self.mean, "users": list(self.users), "items": list(self.items), "U": packed[0], "V": packed[1]}

    @classmethod
    def from_config(cls, given: Self | Mapping[str, Any] | None) -> InitialFactors | None:
        """The start itself, or that of a `config()`. Raises PolicyError for a damaged one."""
        if given is None or isinstance(given, InitialFactors):
            return given
        users, items = tuple(given["users"]), tuple(given["items"])
        try:
            U, V = (_unpack(given[M], len(names)) for M, names in (("U", users), ("V", items)))
        except ValueError as error:
            raise PolicyError(f"the start cannot be read: {error}; make it again from the history") from error
        return cls(float(given["mean"]), users, items, U, V)


def _unpack(text: str, rows: int) -> Vector:
    flat = np.frombuffer(base64.b64decode(text), dtype="<f8").astype(np.float64)
    return flat.reshape(rows, len(flat) // max(rows, 1))


def truncated_svd(
    users: Sequence[str],
    items: Sequence[str],
    values: Sequence[float] | Vector,
    rank: int = 16,
    *,
    logit: bool = False,
    centred: bool = True,
) -> InitialFactors:
    """The start R ≈ μ + b_i + c_j + u_i·v_j from the truncated decomposition UΣVᵀ of what the biases leave.

    c_j and b_i are means of residuals, each as if `PRIOR` zeros came before; what is not in the history leaves 0.
    u_i = U_i·√Σ and v_j = V_j·√Σ, in falling order of Σ, each pair with the sign that makes the largest entry of its
    V positive. The same history gives the same start in one arithmetic: the iteration begins at a fixed vector.

    Args:
        users: Who, one a value.
        items: What, one a value.
        values: Rewards, 0 to 1.
        rank: How many factors, less than users and items there are.
        centred: Whether to take mean and biases out first. Without, R itself is decomposed, what is not in the history
            as 0: for likes that are all 1, ranked by u_i·v_j (Cremonesi, Koren & Turrin 2010, "PureSVD").
        logit: On the scale of log-odds about μ, divided by μ(1 - μ): for `CataloguePolicy`.

    Raises:
        PolicyError: Not as many users and items as values, values outside their range, or too high a rank.

    >>> start = truncated_svd(list("aabbcc"), list("xyxyzx"), [1.0, 0.0, 1.0, 0.0, 0.5, 0.5], rank=1)
    >>> start.users, start.V.shape
    (('a', 'b', 'c'), (3, 2))
    """
    r = np.asarray(values, dtype=np.float64)
    if not len(users) == len(items) == len(r) or not len(r) or not ((r >= 0.0) & (r <= 1.0)).all():
        raise PolicyError("a history is as many users as items as values, at least one, each value between 0 and 1")
    who, i = _index_names(users)
    what, j = _index_names(items)
    if not 0 < rank < min(len(who), len(what)):
        raise PolicyError(f"{rank} factors cannot be had from {len(who)} users and {len(what)} items; ask for fewer")
    if (1 + rank) * (len(who) + len(what)) > MAX_NUMBERS:
        raise PolicyError(
            f"the start would hold over {MAX_NUMBERS} numbers, and it is part of a configuration; lower rank"
        )
    mean, b, c = _means(i, j, r, len(who), len(what)) if centred else (0.0, np.zeros(len(who)), np.zeros(len(what)))
    U, V = _decompose(i, j, r - mean - c[j] - b[i], (len(who), len(what)), rank)
    scale = 1.0 / max(mean * (1.0 - mean), 0.01) if logit else 1.0
    root = scale**0.5
    return InitialFactors(
        mean, who, what, np.column_stack([scale * b, root * U]), np.column_stack([scale * c, root * V])
    )


def _index_names(names: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    found, places = np.unique(np.asarray(names, dtype=object), return_inverse=True)
    return tuple(found.tolist()), places.astype(np.int64)


def _means(
    i: NDArray[np.int64], j: NDArray[np.int64], r: Vector, users: int, items: int
) -> tuple[float, Vector, Vector]:
    """μ, b and c."""
    mean = float(r.mean())
    c = _shrunk_means(j, r - mean, items)
    return mean, _shrunk_means(i, r - mean - c[j], users), c


def _shrunk_means(places: NDArray[np.int64], residuals: Vector, count: int) -> Vector:
    return np.bincount(places, residuals, count) / (np.bincount(places, minlength=count) + PRIOR)


def _decompose(
    i: NDArray[np.int64], j: NDArray[np.int64], residuals: Vector, shape: tuple[int, int], rank: int
) -> tuple[Vector, Vector]:
    from scipy.sparse import csr_matrix  # SciPy takes half a second
    from scipy.sparse.linalg import svds

    R = csr_matrix((residuals, (i, j)), shape=shape)
    begin = np.full(min(shape), min(shape) ** -0.5)
    U, sigma, Vt = svds(R, k=rank, v0=begin)
    order = np.argsort(-sigma)
    U, sigma, V = U[:, order], sigma[order], Vt[order].T
    signs = np.sign(V[np.argmax(np.abs(V), axis=0), np.arange(rank)])
    signs[signs == 0.0] = 1.0
    return U * signs * np.sqrt(sigma), V * signs * np.sqrt(sigma)

"""Initial latent factors from a truncated singular value decomposition of past ratings."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from croupier_policies.arguments import checked
from croupier_policies.base import Vector
from croupier_policies.errors import PolicyError

PRIOR = 5.0  # pseudo-ratings of 0 that shrink the biases
MAX_NUMBERS = 1 << 24  # in initial factors, which are part of a configuration


class InitialFactors(NamedTuple):
    """Initial biases and factors of users and items by name, and the mean they deviate from.

    They are computed once, outside of the log, and are part of the configuration of the model that starts from them:
    the log contains only what is learned afterwards.
    """

    mean: float
    users: tuple[str, ...]
    items: tuple[str, ...]
    U: Vector  # (users, 1 + rank)
    V: Vector  # (items, 1 + rank)

    @property
    def rank(self) -> int:
        """The number of factors."""
        return int(self.U.shape[1]) - 1

    def config(self) -> dict[str, Any]:
        """As plain data for JSON, bit for bit."""
        packed = [base64.b64encode(np.ascontiguousarray(M, dtype="<f8").tobytes()).decode() for M in (self.U, self.V)]
        return {"mean": self.mean, "users": list(self.users), "items": list(self.items), "U": packed[0], "V": packed[1]}

    @classmethod
    def from_config(cls, value: Self | Mapping[str, Any] | None) -> InitialFactors | None:
        """The object itself, or the one that a `config()` describes. Raises PolicyError if that is damaged."""
        if value is None or isinstance(value, InitialFactors):
            return value
        try:
            users, items = tuple(value["users"]), tuple(value["items"])
            U, V = (_unpack(value[M], len(names)) for M, names in (("U", users), ("V", items)))
            return cls(float(value["mean"]), users, items, U, V)
        except (LookupError, TypeError, ValueError) as error:
            raise PolicyError(
                f"the initial factors cannot be read ({error!r}); give what `truncated_svd` returns, or its `config()`"
            ) from error


def _unpack(text: str, rows: int) -> Vector:
    flat = np.frombuffer(base64.b64decode(text), dtype="<f8").astype(np.float64)
    return flat.reshape(rows, len(flat) // max(rows, 1))


@checked
def truncated_svd(
    users: Sequence[str],
    items: Sequence[str],
    values: Sequence[float] | Vector,
    rank: int = 16,
    *,
    logit: bool = False,
    centred: bool = True,
) -> InitialFactors:
    """Initial factors R ≈ μ + b_i + c_j + u_i·v_j from the truncated SVD UΣVᵀ of the residuals of the biases.

    c_j and b_i are means of residuals, shrunk by `PRIOR` pseudo-ratings of 0; the residual of a missing rating is 0.
    u_i = U_i·√Σ and v_j = V_j·√Σ, in descending order of Σ; the sign of each pair makes the largest entry of its V
    positive. The iteration starts at a fixed vector, so the same ratings give the same factors on one platform.

    Args:
        users: The user of each value.
        items: The item of each value.
        values: Rewards, 0 to 1.
        rank: The number of factors, smaller than the numbers of users and of items.
        centred: Whether to subtract mean and biases first. If not, R itself is decomposed with missing ratings as 0:
            for implicit feedback that is all 1, ranked by u_i·v_j (Cremonesi, Koren & Turrin 2010, "PureSVD").
        logit: Whether to return log-odds about μ, that is, divide by μ(1 - μ): for `CataloguePolicy`.

    Raises:
        PolicyError: The lengths differ, a value is out of range, or the rank is too high.

    >>> start = truncated_svd(list("aabbcc"), list("xyxyzx"), [1.0, 0.0, 1.0, 0.0, 0.5, 0.5], rank=1)
    >>> start.users, start.V.shape
    (('a', 'b', 'c'), (3, 2))
    """
    try:
        r = np.asarray(values, dtype=np.float64)
        who, i = _index_names(users)
        what, j = _index_names(items)
    except (ArithmeticError, MemoryError, TypeError, ValueError) as error:
        raise PolicyError(f"users and items are lists of names, and values of numbers: {error}") from error
    if r.ndim != 1 or not len(i) == len(j) == len(r) or not len(r) or not ((r >= 0.0) & (r <= 1.0)).all():
        raise PolicyError(
            "users, items and values must have one length, at least 1, and values must be between 0 and 1"
        )
    if not 0 < rank < min(len(who), len(what)):
        raise PolicyError(f"{len(who)} users and {len(what)} items do not have {rank} factors; lower rank")
    if (1 + rank) * (len(who) + len(what)) > MAX_NUMBERS:
        raise PolicyError(
            f"the initial factors would be more than {MAX_NUMBERS} numbers in a configuration; lower rank"
        )
    mean, b, c = _means(i, j, r, len(who), len(what)) if centred else (0.0, np.zeros(len(who)), np.zeros(len(what)))
    U, V = _decompose(i, j, r - mean - c[j] - b[i], (len(who), len(what)), rank)
    scale = 1.0 / max(mean * (1.0 - mean), 0.01) if logit else 1.0
    root = scale**0.5
    return InitialFactors(
        mean, who, what, np.column_stack([scale * b, root * U]), np.column_stack([scale * c, root * V])
    )


def _index_names(names: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    column = np.asarray(names, dtype=object)
    if column.ndim != 1:
        raise PolicyError(f"names are a {type(names).__name__}; give a list of them")
    found, places = np.unique(column, return_inverse=True)
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
    from scipy.sparse import csr_matrix  # importing SciPy takes half a second
    from scipy.sparse.linalg import ArpackError, svds

    if not residuals.any():  # the biases are the ratings
        return np.zeros((shape[0], rank)), np.zeros((shape[1], rank))
    R = csr_matrix((residuals, (i, j)), shape=shape)
    begin = np.full(min(shape), min(shape) ** -0.5)
    try:
        U, sigma, Vt = svds(R, k=rank, v0=begin)
    except ArpackError:  # whoever has rated everything has residuals that sum to 0
        U, sigma, Vt = svds(R, k=rank, v0=np.cos(np.arange(min(shape))))
    order = np.argsort(-sigma)
    U, sigma, V = U[:, order], sigma[order], Vt[order].T
    signs = np.sign(V[np.argmax(np.abs(V), axis=0), np.arange(rank)])
    signs[signs == 0.0] = 1.0
    return U * signs * np.sqrt(sigma), V * signs * np.sqrt(sigma)

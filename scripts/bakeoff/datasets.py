"""Classification data sets as bandits: the context is x, an action is a class, and the right class has reward 1."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies import Row

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "multiclass"
CATEGORICAL = ("mushroom", "connect_4", "splice")  # their numbers are codes of categories
PACKAGED: dict[str, Callable[[], tuple[Any, Any]]] = {}


class Dataset(NamedTuple):
    """A data set, its rows in the order of the file.

    `raw` are the rows as an application would send them. In `scaled` every number is scaled to [0, 1] over the whole
    set, as a learner that is sensitive to scale would require of the application.
    """

    name: str
    raw: list[Row]
    scaled: list[Row]
    labels: NDArray[np.int64]  # (n,), 0 to K - 1
    classes: int


def names() -> list[str]:
    """The data sets that are available."""
    return [*PACKAGED, *shared()]


def load(name: str) -> Dataset:
    """Load one of `names`. Raises KeyError for any other name."""
    table, y = PACKAGED[name]() if name in PACKAGED else _from_file(name)
    classes, labels = np.unique(np.asarray(y), return_inverse=True)
    if name in CATEGORICAL:
        rows = [{str(j): f"c{value:g}" for j, value in enumerate(row)} for row in table.tolist()]
        return Dataset(name, list(rows), list(rows), labels, len(classes))
    x = np.asarray(table, dtype=np.float64)
    low, high = x.min(axis=0), x.max(axis=0)
    scaled = (x - low) / np.where(high > low, high - low, 1.0)
    return Dataset(name, list(x), list(scaled), labels, len(classes))


def shared() -> list[str]:
    """The data sets in the shared folder, if it is there."""
    meta = SHARED / "meta.json"
    return sorted(json.loads(meta.read_text())) if meta.exists() else []


def _from_file(name: str) -> tuple[Any, Any]:
    if name not in shared():
        raise KeyError(name)
    with np.load(SHARED / f"{name}.npz") as data:
        return data["X"], data["y"]


def _sklearn(name: str) -> tuple[Any, Any]:
    from sklearn import datasets

    data: tuple[Any, Any] = getattr(datasets, f"load_{name}")(return_X_y=True)
    return data


def _river(name: str) -> tuple[Any, Any]:
    from river import datasets

    rows = list(getattr(datasets, name)())
    return np.array([list(x.values()) for x, _ in rows], dtype=np.float64), [y for _, y in rows]


PACKAGED.update({name: partial(_sklearn, name) for name in ("digits", "breast_cancer", "wine", "iris")})
PACKAGED.update({name: partial(_river, name) for name in ("ImageSegments", "Phishing")})

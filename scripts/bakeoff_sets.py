"""Classification sets as bandits: show x, choose a class, earn 1 if it is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies import Row

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "multiclass"
CODES = ("mushroom", "connect_4", "splice")  # their numbers are names of categories
OTHERS: dict[str, Callable[[], tuple[Any, Any]]] = {}


class Set(NamedTuple):
    """One set, its rows in the order of the file.

    `raw` are the rows as an application would send them; in `scaled` every number lies between 0 and 1, over the whole
    set: what a learner that is sensitive to scale would ask of the application.
    """

    name: str
    raw: list[Row]
    scaled: list[Row]
    labels: NDArray[np.int64]  # (n,), 0 to K - 1
    classes: int


def names() -> list[str]:
    """The sets that are here."""
    return [*OTHERS, *_shared()]


def load(name: str) -> Set:
    """One of `names`. Raises KeyError for another."""
    table, y = OTHERS[name]() if name in OTHERS else _from_file(name)
    classes, labels = np.unique(np.asarray(y), return_inverse=True)
    if name in CODES:
        rows = [{str(j): f"c{value:g}" for j, value in enumerate(row)} for row in table.tolist()]
        return Set(name, list(rows), list(rows), labels, len(classes))
    x = np.asarray(table, dtype=np.float64)
    low, high = x.min(axis=0), x.max(axis=0)
    scaled = (x - low) / np.where(high > low, high - low, 1.0)
    return Set(name, list(x), list(scaled), labels, len(classes))


def _shared() -> list[str]:
    meta = SHARED / "meta.json"
    return sorted(json.loads(meta.read_text())) if meta.exists() else []


def _from_file(name: str) -> tuple[Any, Any]:
    if name not in _shared():
        raise KeyError(name)
    with np.load(SHARED / f"{name}.npz") as data:
        return data["X"], data["y"]


def _sklearn(name: str) -> tuple[Any, Any]:
    from sklearn import datasets

    found: tuple[Any, Any] = getattr(datasets, f"load_{name}")(return_X_y=True)
    return found


def _river(name: str) -> tuple[Any, Any]:
    from river import datasets

    rows = list(getattr(datasets, name)())
    return np.array([list(x.values()) for x, _ in rows], dtype=np.float64), [y for _, y in rows]


OTHERS.update({name: partial(_sklearn, name) for name in ("digits", "breast_cancer", "wine", "iris")})
OTHERS.update({name: partial(_river, name) for name in ("ImageSegments", "Phishing")})

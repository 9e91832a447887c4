"""Environments of labelled data: an action is a class or a group of classes, and the label says which one is right."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bakeoff import datasets
from bakeoff.environments import Array, Environment, Event, Rng, bernoulli, ids, named
from croupier_policies.base import Text

BANKING = datasets.SHARED.parent / "text" / "banking77"
INTENTS = 77


class Questions(NamedTuple):
    """Banking77: the questions of bank customers in the order of the files, training rows first."""

    texts: list[str]
    vectors: Array  # (n, 384), by all-MiniLM-L6-v2
    intents: NDArray[np.int64]  # (n,), 0 to 76


@cache
def questions() -> Questions:
    """All of Banking77."""
    texts = []
    for part in ("train", "test"):
        with (BANKING / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            texts += [row["text"] for row in csv.DictReader(file)]
    with np.load(BANKING / "minilm.npz") as data:
        return Questions(texts, data["X"].astype(np.float32), data["y"].astype(np.int64))


def banking(groups: int, right: float, wrong: float, *, as_text: bool = False) -> Environment:
    """Questions in random order, each once; the group of intents that is right, intent·groups // 77, has its own P.

    Args:
        groups: How many groups the 77 intents, ordered by name, form.
        right: P of the right group.
        wrong: P of the others.
        as_text: Whether the context shows the question itself, rather than its vector of 384 numbers.
    """

    def environment(rng: Rng, n: int) -> Iterator[Event]:
        texts, vectors, intents = questions()
        actions = ids(groups, "group")
        for i in rng.permutation(len(texts))[:n]:
            means = np.full(groups, wrong)
            means[intents[i] * groups // INTENTS] = right
            yield Event({"question": Text(texts[i]) if as_text else vectors[i]}, actions, means, bernoulli(rng, means))

    return environment


def classification(name: str) -> Environment:
    """The rows of a data set in random order, each once; the right class has reward 1."""

    def environment(rng: Rng, n: int) -> Iterator[Event]:
        data = datasets.load(name)
        actions, rewards = ids(data.classes, "class"), np.eye(data.classes)
        for i in rng.permutation(len(data.labels))[:n]:
            row, mean = data.raw[i], rewards[data.labels[i]]
            yield Event(named(row) if isinstance(row, np.ndarray) else row, actions, mean, mean)

    return environment

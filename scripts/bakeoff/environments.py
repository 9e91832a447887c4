"""Environments with contexts as applications have them: embeddings, texts, tags, ids, outliers, change.

An environment is a generator of events from a random number generator and the number of events. Every law is known, so
that the expected reward of each action is exact; everything depends on the seed alone, never on what was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit as logistic

from croupier_policies import Actions, Vector
from support.simulations import Stream

Array: TypeAlias = NDArray[Any]
Rng: TypeAlias = np.random.Generator
Context: TypeAlias = Mapping[str, Any]


class Event(NamedTuple):
    """A context, what may be chosen, and what each choice is worth."""

    context: Context
    actions: Actions
    means: Vector  # (K,), the expected rewards
    rewards: Vector  # (K,), the rewards, of which only that of the drawn action is revealed
    unit: str | None = None


Environment: TypeAlias = Callable[[Rng, int], Iterator[Event]]
OUTLIER = 999_999.0


def ids(count: int, prefix: str = "a") -> Actions:
    """Actions without features."""
    return Actions(tuple(f"{prefix}{k}" for k in range(count)))


def named(row: Array) -> dict[str, float]:
    """A row of numbers as an application names them."""
    return {f"x{j}": value for j, value in enumerate(row.tolist())}


def bernoulli(rng: Rng, means: Vector) -> Vector:
    """A reward of 0 or 1 for every action."""
    return (rng.random(len(means)) < means).astype(np.float64)


def clicks(rng: Rng, contexts: Iterable[Context], means: Array) -> Iterator[Event]:
    """Rewards of 0 or 1 with these expectations, (n, K)."""
    actions = ids(means.shape[1])
    for context, mean in zip(contexts, means, strict=True):
        yield Event(context, actions, mean, bernoulli(rng, mean))


def from_stream(simulate: Callable[[int, int], Stream]) -> Environment:
    """A reference simulation, given as a function of (events, seed), with its ten numbers named."""

    def environment(rng: Rng, n: int) -> Iterator[Event]:
        stream = simulate(n, int(rng.integers(2**31)))
        for x, means, rewards in zip(stream.contexts, stream.means, stream.rewards, strict=True):
            yield Event(named(x), stream.actions, means, rewards)

    return environment


def embedding(rng: Rng, n: int, d: int = 768, latent: int = 32, count: int = 10) -> Iterator[Event]:
    """An embedding x = Ah + noise of d float32 numbers of unit size; P = logistic(θ_a·h − 1).

    h ~ N(0, I) has 32 numbers, A ~ N(0, 1/32), the noise has sd .5, and θ_a ~ N(0, 4·I/32).
    """
    basis, theta = rng.normal(0.0, latent**-0.5, (latent, d)), rng.normal(0.0, 2 * latent**-0.5, (latent, count))
    actions = ids(count)
    for _ in range(n):
        h = rng.normal(size=latent)
        x = (h @ basis + rng.normal(0.0, 0.5, d)).astype(np.float32)
        means = logistic(h @ theta - 1.0)
        yield Event({"embedding": x}, actions, means, bernoulli(rng, means))


def linear(rng: Rng, n: int, d: int = 64, count: int = 10) -> Iterator[Event]:
    """64 independent normal numbers in one array; P = logistic(θ_a·x − 1), θ_a ~ N(0, 4·I/64)."""
    x, theta = rng.normal(size=(n, d)), rng.normal(0.0, 2 * d**-0.5, (d, count))
    return clicks(rng, ({"x": row} for row in x), logistic(x @ theta - 1.0))


def nonlinear(rng: Rng, n: int, d: int = 64, count: int = 10) -> Iterator[Event]:
    """The same numbers; P = logistic(θ_a·x + u_a·(x² − 1)/√2 + v_a·√2·cos(2Wx + b) − 1): lines, squares and waves.

    θ_a, u_a ~ N(0, 1.44·I/64), v_a ~ N(0, 1.44·I/32), so that each term has sd 1.2; W has 32 rows ~ N(0, I/64).
    """
    x, (theta, u) = rng.normal(size=(n, d)), rng.normal(0.0, 1.2 * d**-0.5, (2, d, count))
    angles = 2.0 * x @ rng.normal(0.0, d**-0.5, (d, 32)) + rng.uniform(0.0, 2.0 * np.pi, 32)
    waves = 2.0**0.5 * np.cos(angles) @ rng.normal(0.0, 1.2 * 32**-0.5, (32, count))
    logits = x @ theta + (x**2 - 1.0) / 2.0**0.5 @ u + waves
    return clicks(rng, ({"x": row} for row in x), logistic(logits - 1.0))


def xor(rng: Rng, n: int, d: int = 10, count: int = 5) -> Iterator[Event]:
    """Named normal numbers; P = logistic(θ_a·x ± 1.25·sign(x0·x1) − 1), + for even actions; θ_a ~ N(0, I/10)."""
    x, theta = rng.normal(size=(n, d)), rng.normal(0.0, d**-0.5, (d, count))
    sides = 1.25 * (-1.0) ** np.arange(count)
    return clicks(rng, map(named, x), logistic(x @ theta + np.outer(np.sign(x[:, 0] * x[:, 1]), sides) - 1.0))


def steps(rng: Rng, n: int, d: int = 10, count: int = 5) -> Iterator[Event]:
    """Named normal numbers that act through thresholds: P = logistic(θ_a·sign(x − c) − 1), θ_a ~ N(0, 4·I/10)."""
    x, theta = rng.normal(size=(n, d)), rng.normal(0.0, 2 * d**-0.5, (d, count))
    return clicks(rng, map(named, x), logistic(np.sign(x - rng.normal(0.0, 0.5, d)) @ theta - 1.0))


def tastes(rng: Rng, n: int, users: int = 10_000, items: int = 50) -> Iterator[Event]:
    """Users known by their id alone: P = logistic(c_a + u·v_a − 2), u and v_a of 4 numbers; users follow Zipf's law.

    c_a ~ N(0, .25²), u ~ N(0, I), v_a ~ N(0, I/4): the lift of the best constant action is .25 ± .06 over seeds.
    """
    visits = rng.choice(users, size=n, p=(weights := 1.0 / np.arange(1, users + 1)) / weights.sum())
    u, v, c = rng.normal(size=(users, 4)), rng.normal(0.0, 0.5, (4, items)), rng.normal(0.0, 0.25, items)
    actions = ids(items, "item")
    for visitor in visits:
        means = logistic(c + u[visitor] @ v - 2.0)
        yield Event({}, actions, means, bernoulli(rng, means), unit=f"user{visitor}")


def crossing(rng: Rng, n: int, values: int = 8, count: int = 5) -> Iterator[Event]:
    """Two categories of 8 values; the best action of each pair of values is drawn at random: P = .5, otherwise .1."""
    best, pairs = rng.integers(count, size=(values, values)), rng.integers(values, size=(n, 2))
    contexts = ({"shop": f"shop{i}", "season": f"season{j}"} for i, j in pairs)
    return clicks(rng, contexts, np.where(best[tuple(pairs.T)][:, None] == np.arange(count), 0.5, 0.1))


def drift(angle: Callable[[Array], Array], d: int = 10, count: int = 5) -> Environment:
    """Coefficients that turn: P = logistic((cos φ·θ_a + sin φ·θ'_a)·(1, x) − 1), θ, θ' ~ N(0, 4·I/10).

    Args:
        angle: φ for each event, from its place in the stream (0 to 1). The cosine of the angle between two places says
            how much the one is worth at the other.
        d: How many named normal numbers x has.
        count: How many actions there are.
    """

    def environment(rng: Rng, n: int) -> Iterator[Event]:
        x, (first, second) = rng.normal(size=(n, d)), rng.normal(0.0, 2 * d**-0.5, (2, d + 1, count))
        phi, full = angle(np.arange(n) / n)[:, None], np.column_stack([np.ones(n), x])
        return clicks(rng, map(named, x), logistic(np.cos(phi) * (full @ first) + np.sin(phi) * (full @ second) - 1.0))

    return environment


abrupt = drift(lambda place: 2 / 3 * np.pi * (place >= 0.5))  # by 120° at half-time
gradual = drift(lambda place: np.pi * place)  # to the opposite, evenly
seasonal = drift(lambda place: 5 / 6 * np.pi * (6 * place % 2 >= 1.0))  # there and back by 150°, three times


def catalogue(rng: Rng, n: int, items: int = 300, live: int = 50) -> Iterator[Event]:
    """300 items with 8 named numbers z, 50 of them live; eighty events later another takes the place of the oldest.

    P = logistic(√.7·z_a·Wx + √.3·δ_a·x + c_a − 2) for 8 named numbers x, with W ~ N(0, 4·I/64) and δ_a ~ N(0, 4·I/8);
    c_a = (√.7·z_a·w + √.3·c'_a)/2 with w ~ N(0, I/8).
    """
    d, z = 8, rng.normal(size=(items, 8))
    slopes = 0.7**0.5 * z @ rng.normal(0.0, 2 / d, (d, d)) + 0.3**0.5 * rng.normal(0.0, 2 * d**-0.5, (items, d))
    offsets = 0.5 * (0.7**0.5 * z @ rng.normal(0.0, d**-0.5, d) + 0.3**0.5 * rng.normal(size=items))
    for start in range(0, n, 80):
        shown = np.arange(start // 80, start // 80 + live) % items
        actions = Actions(tuple(f"item{k}" for k in shown), tuple(named(z[k]) for k in shown))
        for x in rng.normal(size=(min(80, n - start), d)):
            means = logistic(slopes[shown] @ x + offsets[shown] - 2.0)
            yield Event(named(x), actions, means, bernoulli(rng, means))


def wide_catalogue(rng: Rng, n: int, items: int = 500, d: int = 384, latent: int = 8) -> Iterator[Event]:
    """500 items with an embedding of 384 numbers each, x = Ah_a + noise; P = logistic(h_a·Wx + h_a·w − 2).

    h_a ~ N(0, I) and the context x have 8 numbers, W ~ N(0, 2.25·I/64), w ~ N(0, .25·I/8), A and the noise as in
    `embedding`.
    """
    h = rng.normal(size=(items, latent))
    vectors = h @ rng.normal(0.0, latent**-0.5, (latent, d)) + rng.normal(0.0, 0.5, (items, d))
    rows: Any = tuple({"embedding": row} for row in vectors.astype(np.float32))
    actions = Actions(ids(items, "item").ids, rows)
    slopes = h @ rng.normal(0.0, 1.5 / latent, (latent, latent))
    offsets = h @ rng.normal(0.0, 0.5 * latent**-0.5, latent)
    for x in rng.normal(size=(n, latent)):
        means = logistic(slopes @ x + offsets - 2.0)
        yield Event(named(x), actions, means, bernoulli(rng, means))


def measured(outlier: float | None) -> Environment:
    """`steps` without its steps: named normal numbers with P = logistic(θ_a·x − 1), θ_a ~ N(0, 4·I/10).

    In one event of 200 the context shows `outlier` in place of one of the numbers, if there is one.
    """

    def environment(rng: Rng, n: int) -> Iterator[Event]:
        x, theta = rng.normal(size=(n, 10)), rng.normal(0.0, 2 * 10**-0.5, (10, 5))
        faulty, column = rng.random(n) < 1 / 200, rng.integers(10, size=n)
        means, shown = logistic(x @ theta - 1.0), x.copy()
        if outlier is not None:
            shown[faulty, column[faulty]] = outlier
        return clicks(rng, map(named, shown), means)

    return environment


def amounts(rng: Rng, n: int, count: int = 5) -> Iterator[Event]:
    """Half of all visits bring nothing, the others an amount of mean m = 25 + 5·θ_a·x and sd .4·m, from a gamma law.

    x are named normal numbers, θ_a ~ N(0, 4·I/10), and θ_a·x is clipped to ±3.
    """
    x, theta = rng.normal(size=(n, 10)), rng.normal(0.0, 2 * 10**-0.5, (10, count))
    means, actions = 25.0 + 5.0 * np.clip(x @ theta, -3.0, 3.0), ids(count)
    for row, mean in zip(x, means, strict=True):
        yield Event(named(row), actions, 0.5 * mean, (rng.random() < 0.5) * rng.gamma(6.25, mean / 6.25))


def revenue(rng: Rng, n: int, count: int = 5) -> Iterator[Event]:
    """95 % zeros and a heavy tail: a purchase with P = logistic(θ_a·x − 3.6), of lognormal(3, 1) size, at most 1e5.

    θ_a ~ N(0, 4·I/10). The expectation is P·exp(3.5).
    """
    x, theta = rng.normal(size=(n, 10)), rng.normal(0.0, 2 * 10**-0.5, (10, count))
    chances, actions = logistic(x @ theta - 3.6), ids(count)
    for row, chance in zip(x, chances, strict=True):
        sizes = np.minimum(rng.lognormal(3.0, 1.0, count), 1e5)
        yield Event(named(row), actions, chance * np.exp(3.5), bernoulli(rng, chance) * sizes)


def strings(values: int) -> Environment:
    """One string field with so many values, all equally common; each has a best action: P = .5, otherwise .1."""

    def environment(rng: Rng, n: int) -> Iterator[Event]:
        best, seen = rng.integers(5, size=values), rng.integers(values, size=n)
        contexts = ({"city": f"city{value}"} for value in seen)
        return clicks(rng, contexts, np.where(best[seen][:, None] == np.arange(5), 0.5, 0.1))

    return environment


def novelty(rng: Rng, n: int, live: int = 20) -> Iterator[Event]:
    """Users, items, tags and fields that are new all the time, beside an embedding of 128 numbers.

    Event t has one of t/5 + 1 users and 3 of t/20 + 10 tags, mostly late ones; every hundred events an item and a
    field are replaced. P = .4 if the newest tag and the item have numbers of one parity, otherwise .1.
    """
    for t in range(n):
        user = t // 5 - min(int(rng.exponential(200.0)), t // 5)
        tags = sorted({max(0, t // 20 + 10 - int(age)) for age in rng.exponential(50.0, 3)})
        if t % 100 == 0:
            shown = np.arange(t // 100, t // 100 + live)
            actions = Actions(tuple(f"item{k}" for k in shown))
        context = {
            "tags": [f"tag{tag}" for tag in tags],
            "counts": {f"word{tag}": float(rng.integers(1, 4)) for tag in tags},
            f"number{t // 100}": float(rng.normal()),
            f"string{t // 100}": f"value{rng.integers(10)}",
            "embedding": rng.normal(size=128).astype(np.float32),
        }
        means = np.where(shown % 2 == tags[-1] % 2, 0.4, 0.1)
        yield Event(context, actions, means, bernoulli(rng, means), unit=f"user{user}")

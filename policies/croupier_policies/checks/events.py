"""Events for the checks: rows with changing fields, actions and shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from croupier_policies.base import Actions, Row, Text, Value, Vector

Generator = np.random.Generator


class Event(NamedTuple):
    """A decision, the reward of every action, and the action to learn where none is drawn."""

    context: Row
    actions: Actions
    rewards: Vector  # (K,)
    chosen: int


def _fields(rng: Generator, t: int) -> dict[str, float | str]:
    row: dict[str, float | str] = {f"n{j}": float(rng.normal(j, 1 + j)) for j in range(3) if rng.random() < 0.8}
    row["constant"] = 7.0
    row["device"] = ("phone", "desk", f"new{t // 20}")[rng.integers(3)]
    return row


def _ids(rng: Generator, t: int) -> tuple[str, ...]:
    """Between one and six ids in random order; sometimes one is new."""
    known = [f"a{j}" for j in range(5) if rng.random() < 0.6]
    return tuple(rng.permutation([*known, "a5" if t % 3 else f"late{t // 30}"]).tolist())


def _event(rng: Generator, t: int, context: Row, rows: Callable[[str], Row] | None = None) -> Event:
    ids = _ids(rng, t)
    actions = Actions(ids, None if rows is None else tuple(rows(id) for id in ids))
    rates = np.array([0.2 + 0.6 * (id in ("a0", f"a{t % 2}")) for id in ids])
    rewards = (rng.random(len(ids)) < rates).astype(np.float64) if t % 4 else rates
    return Event(context, actions, rewards, int(rng.integers(len(ids))))


def _named(rng: Generator, t: int) -> Event:
    return _event(rng, t, _fields(rng, t))


def _described(rng: Generator, t: int) -> Event:
    return _event(rng, t, _fields(rng, t), lambda name: {"price": float(rng.normal()), "kind": "xy"[int(name[-1]) % 2]})


def _array(rng: Generator, t: int) -> Event:
    return _event(rng, t, rng.normal(1.0, [1.0, 1e-3, 1e3]))


def _arrays(rng: Generator, t: int) -> Event:
    return _event(rng, t, rng.normal(size=2), lambda name: np.array([float(name[-1])]))


def _mixed(rng: Generator, t: int) -> Event:
    # all arrays have one width, whether or not they are joined with those of actions
    return (_named, _described, _array, _array_described)[rng.integers(4)](rng, t)


def _array_described(rng: Generator, t: int) -> Event:
    return _event(rng, t, rng.normal(size=3), lambda name: {"price": float(rng.normal())})


def _several_fields(rng: Generator, t: int) -> dict[str, Value]:
    row: dict[str, Value] = {**_fields(rng, t), "embedding": rng.normal(size=4)}
    row["tags"] = [tag for tag in ("new", "sport", f"late{t // 20}") if rng.random() < 0.6] or ["none"]
    row["basket"] = {item: float(rng.integers(1, 5)) for item in ("milk", "tea") if rng.random() < 0.5} or {"tea": 1.0}
    row["title"] = Text(" ".join(rng.choice(["Red", "shoes,", "the", "ÉTÉ"], 3)))
    return row


def _several(rng: Generator, t: int) -> Event:
    return _event(rng, t, _several_fields(rng, t))


def _several_described(rng: Generator, t: int) -> Event:
    def features(name: str) -> Row:
        return {"vector": np.array([float(name[-1]), 1.0]), "tags": ["xy"[int(name[-1]) % 2]], "title": Text(name)}

    return _event(rng, t, _several_fields(rng, t), features)


CYCLE = 3000  # no new names after this many events: new ones would exceed the memory limits
_KINDS = (_named, _described, _array, _arrays, _array_described, _mixed, _several, _several_described)


def log(kind: Callable[[Generator, int], Event], n: int, seed: int = 0) -> list[Event]:
    """`n` events of a kind."""
    rng = np.random.default_rng(seed)
    return [kind(rng, t) for t in range(n)]


def logs(n: int, seed: int = 0) -> list[list[Event]]:
    """One log of every kind: named fields or arrays, actions with or without features, several values under a name."""
    return [log(kind, n, seed) for kind in _KINDS]


def changing(n: int, seed: int = 0) -> list[Event]:
    """Events with named contexts, for frequency checks; in long logs the new names repeat."""
    rng = np.random.default_rng(seed)
    return [_named(rng, t % CYCLE) for t in range(n)]


def endless(n: int) -> list[Event]:
    """Events with new fields, values and actions every time."""
    rng = np.random.default_rng(0)
    rows: list[Row] = [{f"n{t}": float(t), f"s{t}": "x", "city": f"c{t}", "n": float(t % 7)} for t in range(n)]
    actions = [Actions(("a", "b")) if t % 2 else Actions(("a", f"x{t}")) for t in range(n)]
    return [Event(row, actions[t], rng.random(2), t % 3 % 2) for t, row in enumerate(rows)]


def widths(n: int) -> list[Event]:
    """Arrays of several widths, interleaved with named fields."""
    rng = np.random.default_rng(0)
    rows: list[Row] = [rng.normal(size=2 + t % 3) if t % 2 else {"n": float(t)} for t in range(n)]
    return [Event(row, Actions(("a", "b")), rng.random(2), t % 2) for t, row in enumerate(rows)]


def extremes() -> list[list[Event]]:
    """Logs of the largest, smallest and nearly constant numbers, as fields and as arrays."""
    rng = np.random.default_rng(0)
    huge, tiny = (1.7e308, -1.7e308, 1e300, 1e16, 1e16 + 2.0, 0.0), (5e-324, 1e-162, 2e-162, -1e-160, 0.0)
    scales = [rng.choice(values, 60).tolist() for values in (huge, tiny, huge + tiny)]
    return [
        _numbers(scale) for scale in (*scales, [3.0] * 100, [3.0 + 5e-16 * t for t in range(60)], [1.0] * 60 + [1e300])
    ]


def _numbers(numbers: list[float]) -> list[Event]:
    rows: list[Row] = [np.array([x, -x, x / 3.0]) if t % 2 else {"x": x, "y": -x} for t, x in enumerate(numbers)]
    return [Event(row, Actions(("a", "b", "c")), np.array([0.0, 1.0, 0.5]), t % 3) for t, row in enumerate(rows)]

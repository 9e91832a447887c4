from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from croupier import Engine
from croupier.log.ids import counted


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """An engine whose every input is fixed: seed, ids, clock."""
    with Engine.open(url, seed=7, learner=None, ids=counted(), clock=lambda: 0.0) as engine:
        yield engine


@pytest.fixture
def life() -> Callable[..., None]:
    """Plays events with features and actions that come and go."""
    return play


def play(engine: Engine, events: int, seed: int = 0, rewarded: float = 0.9) -> None:
    rng = random.Random(seed)
    waiting: list[tuple[str, str, dict[str, Any]]] = []
    for event in range(events):
        context = {"hour": rng.randrange(24), "device": rng.choice(["phone", "desk", None]), "new": rng.random() < 0.5}
        if rng.random() < 0.3:
            context[f"late{event // 1000}"] = rng.gauss(0, 3)
        actions = rng.sample([f"a{event // 2000 + k}" for k in range(8)], rng.randrange(1, 7))
        shown: Any = actions if event % 3 else {a: {"price": rng.random(), "brand": a[-1]} for a in actions}
        decision = engine.choose(context, shown, unit=f"u{event % 50}")
        if rng.random() < rewarded:
            waiting.append((decision.id, decision.action, context))
        while len(waiting) > 20:
            id, action, then = waiting.pop(rng.randrange(len(waiting)))
            engine.reward(id, float((int(action[1:]) + then["hour"]) % 3 == 0))

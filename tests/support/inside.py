"""What some tests must see or do that no public method offers: the one place that knows where an engine keeps it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from croupier import Engine
from croupier.log.reader import DecodedDecision, Log
from croupier.runtime import experiment_ops
from croupier.runtime.loop import Loop
from croupier.runtime.writer import Writer
from croupier.state.experiment.running import RunningExperiment
from croupier_storage import Fact, Kind, Storage


def seed(engine: Engine) -> int:
    """From which every draw of the engine is derived."""
    return engine._loop.configuration.seed


def storage(engine: Engine) -> Storage:
    """The storage on which the engine works."""
    return engine._loop.storage


def running(engine: Engine) -> RunningExperiment:
    """The experiment in force, with its policies."""
    found = engine._loop.fold.running
    assert found is not None, "no experiment is running"
    return found


def events(engine: Engine) -> Iterator[tuple[Fact, DecodedDecision | None]]:
    """Every fact of the log, decisions decoded."""
    engine.flush()
    return Log(storage(engine)).events(0, engine.position)


def promote(engine: Engine, variant: str) -> int:
    """Promote a candidate whatever the evidence says; returns the position of the fact."""
    return experiment_ops.promote(engine._loop, variant, {})


def append(engine: Engine, kind: Kind, at: float, **columns: Any) -> Fact:
    """Fold and log a fact of any kind but a decision, true or not."""
    return engine._loop.append(kind, at, **columns)


def stop_ticking(engine: Engine) -> None:
    """Close no more windows by the clock of the wall; only calls close them."""
    if engine._ticker is not None:
        engine._ticker.close()


def available(engine: Engine) -> bool:
    """Whether the writer can write."""
    return engine._loop.writer.suspended is None and engine._loop.writer.failure is None


def writer(engine: Engine) -> Writer:
    """The engine's writer."""
    return engine._loop.writer


def counters(engine: Engine) -> Counter[str]:
    """What the loop has counted."""
    return engine._loop.counters


def loop(engine: Engine) -> Loop:
    """The loop of the engine."""
    return engine._loop

"""Stores that fail under a running engine, and what its answers were worth: `python -m proofs.outages`.

Every fault meets both modes of durability and both ways to answer it. An answer is broken if it said `logged` or
`applied`, the log does not hold it, and nothing reported it as lost.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from sqlalchemy import event

from bench.output import JsonFile, console, table, turns, write_json
from croupier import CroupierError, Engine, Status
from croupier_storage import open_storage
from support import inside
from support.beneath import database
from support.postgres import Server, serving

BEFORE, DURING, AFTER = 0.4, 1.5, 1.5  # seconds of traffic
COLUMNS = ("decisions", "unlogged", "refused", "reported lost", "broken answers", "longest call, s")


class Store(NamedTuple):
    """A store with the means to break it."""

    url: str
    file: Path | None
    server: Server | None


Fault = Callable[[Store, Engine], Callable[[], None]]  # breaks the store; returns what mends it


def locked(store: Store, engine: Engine) -> Callable[[], None]:
    """Another program holds the write lock."""
    other = sqlite3.connect(str(store.file), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other.close


def refusing(pragma: str, mend: str) -> Fault:
    """SQLite refuses to write, by a pragma of its own."""

    def fault(store: Store, engine: Engine) -> Callable[[], None]:
        statement = [pragma]
        event.listen(database(inside.storage(engine)), "checkout", lambda raw, *_: raw.execute(statement[0]).close())
        return lambda: statement.__setitem__(0, mend)

    return fault


def deleted(store: Store, engine: Engine) -> Callable[[], None]:
    """The file is deleted, for good."""
    os.unlink(str(store.file))
    return lambda: None


def stopped(store: Store, engine: Engine) -> Callable[[], None]:
    """The server is restarted."""
    server = _server(store)
    server.stop()
    return server.start


def killed(store: Store, engine: Engine) -> Callable[[], None]:
    """The server is killed, and recovers from its own log when it is started again."""
    server = _server(store)
    server.kill()
    return server.start


def terminated(store: Store, engine: Engine) -> Callable[[], None]:
    """Every session of the database is killed; the server stays."""
    name = store.url.rpartition("/")[2].partition("?")[0]
    _server(store).run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608
    return lambda: None


def _server(store: Store) -> Server:
    if store.server is None:
        raise ValueError("this fault is one of a server")
    return store.server


FAULTS: dict[str, dict[str, Fault]] = {
    "sqlite": {
        "locked": locked,
        "full": refusing("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000"),
        "read-only": refusing("PRAGMA query_only = on", "PRAGMA query_only = off"),
        "deleted": deleted,
    },
    "postgresql": {"restarted": stopped, "killed": killed, "sessions killed": terminated},
}


class Answers:
    """What an engine answered."""

    def __init__(self) -> None:
        self.logged: set[str] = set()
        self.applied: set[str] = set()
        self.unlogged = self.refused = 0
        self.longest = 0.0

    def serve(self, engine: Engine, seconds: float) -> None:
        """Choose and reward for some time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(CroupierError):
                self._pair(engine)
            time.sleep(0.002)

    def _pair(self, engine: Engine) -> None:
        start = time.monotonic()
        try:
            decision = engine.choose({"x": 1.0}, ["a", "b"])
            if not decision.logged:
                self.unlogged += 1
                return
            self.logged.add(decision.id)
            if engine.reward(decision.id, 1.0).status is Status.APPLIED:
                self.applied.add(decision.id)
        except CroupierError:
            self.refused += 1
            raise
        finally:
            self.longest = max(self.longest, time.monotonic() - start)


def run(store: Store, fault: Fault, durability: Any, mode: Any) -> dict[str, float]:
    """One fault under traffic, and the comparison of the answers with the log."""
    answers = Answers()
    engine = Engine.open(
        store.url, seed=7, learner=None, durability=durability, on_store_failure=mode, lock_timeout=0.5
    )
    answers.serve(engine, BEFORE)
    mend = fault(store, engine)
    answers.serve(engine, DURING)
    mend()
    answers.serve(engine, AFTER)
    lost = len(inside.writer(engine).lost)
    reported = inside.counters(engine)["facts lost"] + lost
    try:
        engine.close()
    except CroupierError:
        reported = max(reported, len(inside.writer(engine).lost))
    missing = _missing(store, answers)
    return {
        "decisions": len(answers.logged) + answers.unlogged,
        "unlogged": answers.unlogged,
        "refused": answers.refused,
        "reported lost": reported,
        "broken answers": max(0, missing - reported),
        "longest call, s": round(answers.longest, 2),
    }


def _missing(store: Store, answers: Answers) -> int:
    """Decisions and rewards that were answered as logged and applied and are not in the log."""
    if store.file is not None and not store.file.exists():
        return 0  # the whole log is gone, which every answer after that reported
    with open_storage(store.url, create=False, read_only=True) as storage:
        decisions = {fact.id: fact.position for fact in storage.facts(kinds=["decision"])}
        rewarded = {fact.decision for fact in storage.facts(kinds=["reward"])}
    gone = sum(id not in decisions for id in answers.logged)
    return gone + sum(decisions.get(id) not in rewarded for id in answers.applied)


@contextmanager
def stores(backend: str, server: Server) -> Iterator[Store]:
    """A new store."""
    with ExitStack() as stack:
        if backend == "postgresql":
            yield Store(stack.enter_context(server.database()), None, server)
        else:
            file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "store.db"
            yield Store(f"sqlite:///{file}", file, None)


def main(
    only: Annotated[str | None, typer.Option(help="A fault; all by default.")] = None, json: JsonFile = None
) -> None:
    """Break stores under traffic, and print what the answers were worth."""
    results: list[dict[str, Any]] = []
    plan = [
        (backend, name, durability, mode)
        for backend, faults in FAULTS.items()
        for name in faults
        for durability in ("group", "commit")
        for mode in ("raise", "serve")
        if only in (None, name)
    ]
    with serving() as server, turns(len(plan)) as tick:
        for backend, name, durability, mode in plan:
            tick(f"{backend}, {name}")
            with stores(backend, server) as store:
                found = run(store, FAULTS[backend][name], durability, mode)
            results.append({"backend": backend, "fault": name, "durability": durability, "mode": mode, **found})
    rows = [[str(value) for value in row.values()] for row in results]
    console().print(
        table("Stores that fail under traffic", ["back end", "fault", "durability", "mode", *COLUMNS], rows, left=4)
    )
    write_json(json, {"seconds": [BEFORE, DURING, AFTER]}, results)
    raise typer.Exit(int(any(row["broken answers"] for row in results)))


if __name__ == "__main__":
    typer.run(main)

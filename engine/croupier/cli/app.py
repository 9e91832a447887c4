"""The command line: thin shells over the library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from croupier.cli.evaluation import Store, compare_command, evaluate_command, store_url
from croupier.cli.experiments import plan_command
from croupier.cli.progress import bar
from croupier.cli.ratings import crossval_command
from croupier.errors import CroupierError

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_show_locals=False)
snapshots = typer.Typer(no_args_is_help=True, help="List, pin, export and import snapshots.")
app.add_typer(snapshots, name="snapshots")
app.command("evaluate")(evaluate_command)
app.command("compare")(compare_command)
app.command("plan")(plan_command)
app.command("crossval")(crossval_command)

Position = Annotated[int, typer.Argument(help="Of the snapshot.")]
File = Annotated[Path, typer.Argument(help="Of plain data.")]
console = Console(highlight=False)


@contextmanager
def _telling() -> Iterator[None]:
    """What Croupier refuses, as a message and exit status 2."""
    try:
        yield
    except CroupierError as error:
        console.print(f"[red]{type(error).__name__}[/red]: {error}", markup=True, soft_wrap=True)
        raise typer.Exit(2) from error


@app.command()
def verify(store: Store) -> None:
    """Fold the log again, recompute every probability, and report the first difference."""
    from croupier.state.verify import verify as run

    with _telling(), bar("verifying") as progress:
        found = run(store_url(store), progress=progress)
    console.print(found.summary(), soft_wrap=True)
    raise typer.Exit(0 if found.sound else 1)


@app.command()
def replay(
    store: Store,
    policy: Annotated[
        str | None, typer.Option(help='The policy to go on with: NAME or NAME:{"json": "arguments"}.')
    ] = None,
    learner: Annotated[str | None, typer.Option(help="The learner to go on with, likewise; `none` for none.")] = None,
) -> None:
    """Teach another policy or learner the whole log, and let the store go on with it: no amnesia."""
    from croupier.replay import replay as run

    with _telling(), bar("replaying") as progress:
        replayed = run(store_url(store), policy=policy, learner=learner, progress=progress)
    console.print(
        f"{replayed.rewards} rewards learned; the log goes on at position {replayed.position} with "
        f"{replayed.policy}, state {replayed.state_hash[:16]}"
    )


@app.command()
def forget(store: Store, unit: Annotated[str, typer.Argument(help="Whom to forget.")]) -> None:
    """Erase a unit from the log, the snapshots and the state."""
    from croupier.replay import present

    with _telling(), present(store_url(store)) as engine:
        erased = engine.forget(unit)
    console.print(f"{erased} facts became tombstones, and the state was learned again without them")


@app.command()
def ingest(
    store: Store,
    files: Annotated[list[Path], typer.Argument(help="Of behaviour: .csv, .jsonl or .parquet.")],
    mapping: Annotated[Path, typer.Option(help="A file of JSON: which column says what.")],
    features: Annotated[Path | None, typer.Option(help="Of a new store: a file of JSON, their arguments.")] = None,
    rejected: Annotated[
        Path | None, typer.Option(help="Where rejected rows go; by default beside the mapping.")
    ] = None,
) -> None:
    """Read behaviour from other logs; what is in the store already is passed over, so it may be run again."""
    from croupier import ingestion
    from croupier.cli.ingestion import engine_for

    aside = rejected or mapping.with_suffix(".rejected.jsonl")
    with _telling(), engine_for(store_url(store), features) as engine, bar("ingesting") as progress:
        read = ingestion.Mapping.read(mapping)
        found = ingestion.ingest(engine, files, read, rejected=aside, progress=progress)
    console.print(found.summary(), soft_wrap=True)
    if found.rejected:
        console.print(f"the rejected rows are in {aside}", soft_wrap=True)


@snapshots.command("list")
def list_(store: Store) -> None:
    """Show every snapshot: position, time, size, hash."""
    from datetime import UTC, datetime

    from croupier_storage import open_storage

    table = Table("position", "at (UTC)", "bytes", "state", "pinned")
    with _telling(), open_storage(store_url(store), create=False, read_only=True) as storage:
        for info in storage.snapshots():
            at = datetime.fromtimestamp(info.at, UTC).isoformat(" ", "seconds").removesuffix("+00:00")
            table.add_row(str(info.position), at, f"{info.size:,}", info.hash[:16], "pinned" if info.pinned else "")
    console.print(table)


@snapshots.command()
def pin(store: Store, position: Position, off: Annotated[bool, typer.Option(help="Let it go again.")] = False) -> None:
    """Keep a snapshot for good."""
    from croupier.errors import storing
    from croupier_storage import open_storage

    with _telling(), storing(), open_storage(store_url(store), create=False, lease=True) as storage:
        storage.pin(position, not off)


@snapshots.command()
def export(store: Store, position: Position, file: File) -> None:
    """Write a snapshot to a file."""
    from croupier.errors import storing
    from croupier.state.snapshots import export_snapshot
    from croupier_storage import open_storage

    with _telling(), storing(), open_storage(store_url(store), create=False, read_only=True) as storage:
        export_snapshot(storage, position, file)


@snapshots.command("import")
def import_(store: Store, file: File) -> None:
    """Take the snapshot of a file into the store it came from; `verify` tells whether it is the log's."""
    from croupier.errors import storing
    from croupier.state.snapshots import import_snapshot
    from croupier_storage import open_storage

    with _telling(), storing(), open_storage(store_url(store), create=False, lease=True) as storage:
        console.print(f"snapshot at position {import_snapshot(storage, file)}")

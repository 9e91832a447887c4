"""`snapshots list`, `pin`, `export` and `import` on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from croupier.cli.failures import reading_file
from croupier.cli.options import AsJson, Store
from croupier.cli.stores import exclusive_store, existing_file, reading_store
from croupier.cli.terminal import print_json, print_line, print_renderable
from croupier.reports.escaping import escape
from croupier_storage import SnapshotInfo

Position = Annotated[int, typer.Argument(help="Position of the snapshot in the log; `snapshots list` shows them.")]

snapshots = typer.Typer(help="List, pin, export and import the snapshots of a store.")


@snapshots.command("list")
def list_command(store: Store, as_json: AsJson = False) -> None:
    """Show every snapshot: position, time, size, state hash, and whether it is pinned."""
    with reading_store(store) as storage:
        infos = list(storage.snapshots())
    if as_json:
        print_json([info._asdict() for info in infos])
        return
    table = Table("position", "at (UTC)", "bytes", "state", "pinned")
    for info in infos:
        table.add_row(str(info.position), _utc(info), f"{info.size:,}", escape(info.hash[:16]), "pinned" * info.pinned)
    print_renderable(table)


@snapshots.command("pin")
def pin_command(
    store: Store,
    position: Position,
    off: Annotated[bool, typer.Option("--off", help="Remove the pin instead.")] = False,
) -> None:
    """Pin a snapshot, so that it is never deleted to save space."""
    from croupier.state.snapshots import check_position

    with exclusive_store(store) as storage:
        check_position(storage, position)
        storage.pin(position, not off)


@snapshots.command("export")
def export_command(
    store: Store, position: Position, file: Annotated[Path, typer.Argument(help="Path of the file to write.")]
) -> None:
    """Write a snapshot to a file."""
    from croupier.state.snapshots import export_snapshot

    with reading_store(store) as storage:
        export_snapshot(storage, position, file)


@snapshots.command("import")
def import_command(
    store: Store,
    file: Annotated[Path, typer.Argument(help="Path of a file that `snapshots export` wrote.")],
    as_json: AsJson = False,
) -> None:
    """Add an exported snapshot to the store that it came from; `verify` checks it against the log."""
    from croupier.state.snapshots import import_snapshot

    with exclusive_store(store) as storage, reading_file(existing_file(file)):
        position = import_snapshot(storage, file)
    if as_json:
        print_json({"position": position})
    else:
        print_line(f"imported the snapshot at position {position}")


def _utc(info: SnapshotInfo) -> str:
    return datetime.fromtimestamp(info.at, UTC).isoformat(" ", "seconds").removesuffix("+00:00")

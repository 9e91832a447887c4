"""`ingest` on the command line."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from croupier.cli.options import AsJson, Store
from croupier.cli.progress import bar
from croupier.cli.stores import existing_file, read_json, store_url
from croupier.cli.terminal import print_json, print_line
from croupier.engine import Engine
from croupier.errors import InputError, storing
from croupier.replay import open_current
from croupier.reports.escaping import visible
from croupier.runtime.opening import components_in_force
from croupier.state.features.features import Features
from croupier_storage import open_storage


def ingest_command(
    store: Store,
    files: Annotated[list[Path], typer.Argument(help="Paths of the event logs: .csv, .jsonl or .parquet.")],
    mapping: Annotated[
        Path, typer.Option(metavar="FILE", help="JSON file that maps columns to unit, kind, time and item.")
    ],
    features: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON file with the arguments of a new store's Features.")
    ] = None,
    rejected: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File for rejected rows; MAPPING.rejected.jsonl by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read event logs into a store; rows that it contains already are skipped, so the command can be repeated."""
    from croupier.ingestion import Mapping, ingest

    # All that can be refused is refused before a new store is created.
    columns = Mapping.of(read_json(mapping))
    paths = [existing_file(path) for path in files]
    aside = rejected or mapping.with_suffix(".rejected.jsonl")
    with _open(store_url(store), features) as engine, bar("ingesting") as progress:
        found = ingest(engine, paths, columns, rejected=aside, progress=progress)
    if as_json:
        counts = {"rows": found.rows, "kept": found.kept, "added": found.added, "rejected": dict(found.rejected)}
        print_json({**counts, "rejected_file": str(aside)})
        return
    reasons: Counter[str] = Counter()
    for reason, count in found.rejected.items():
        reasons[visible(reason)] += count
    print(replace(found, rejected=reasons).summary())
    if found.rejected:
        print_line(f"the rejected rows are in {aside}")


def _open(url: str, features: Path | None) -> Engine:
    """The engine of a store with its current components; a new store is created, with the features of a file."""
    arguments = None if features is None else _features(features)
    with storing(), open_storage(url) as storage:
        begun = components_in_force(storage) is not None
    if begun and arguments is not None:
        raise InputError("--features applies only to a new store: this one has begun, with its own features; omit it")
    if begun:
        return open_current(url)
    return Engine.open(url) if arguments is None else Engine.open(url, features=arguments)


def _features(file: Path) -> Features:
    arguments = read_json(file)
    try:
        return Features(**arguments)
    except TypeError as error:
        raise InputError(f"{file} does not hold the arguments of Features: {error}") from error

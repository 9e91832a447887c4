"""`crossval` on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from croupier.cli.progress import bar
from croupier.errors import CroupierError
from croupier.ratings.crossval import cross_validate, progressive_validate
from croupier.ratings.dataset import ALIASES, Ratings, from_file, from_store
from croupier.ratings.models import RATERS, missing_raters, select_raters
from croupier.reports.ratings_text import validation_table

FILES = (".csv", ".tsv", ".txt", ".inter")


def crossval_command(
    source: Annotated[str, typer.Argument(help="A file of ratings (.csv, .tsv, .txt, .inter), or a store.")],
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help=f"{', '.join(RATERS)}; several times; by default all.")
    ] = None,
    column: Annotated[list[str] | None, typer.Option(help=f"ROLE=NAME; ROLE: {', '.join(ALIASES)}.")] = None,
    span: Annotated[tuple[float, float] | None, typer.Option(help="For a file: what ratings can be.")] = None,
    kind: Annotated[str | None, typer.Option(help="For a store: a kind of observation instead of rewards.")] = None,
    attribute: Annotated[str, typer.Option(help="Of such observations: the number that is the rating.")] = "stars",
    folds: Annotated[int, typer.Option(min=2, help="Folds, and stretches of time.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the split, and of models that begin at random.")] = 7,
    k: Annotated[int, typer.Option(min=1, help="Of NDCG and recall.")] = 10,
    liked: Annotated[float | None, typer.Option(help="From which rating on an item is liked.")] = None,
    warm: Annotated[float, typer.Option(min=0.0, max=0.99, help="Share fitted before progressive validation.")] = 0.0,
    ranking: Annotated[bool, typer.Option(help="Measure NDCG and recall over all items.")] = True,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Cross-validate models of ratings, by folds and along time."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 130)
    try:
        kinds = select_raters(model or [])
        ratings = _read(source, column or [], span, kind, attribute)
        with bar("folds") as progress:
            folded = cross_validate(
                ratings, kinds, folds=folds, seed=seed, k=k, liked=liked, ranking=ranking, progress=progress
            )
        with bar("along time") as progress:
            timed = progressive_validate(
                ratings, kinds, warm=warm, periods=folds, seed=seed, liked=liked, progress=progress
            )
    except CroupierError as error:
        console.print(f"[red]{type(error).__name__}[/red]: {error}", soft_wrap=True)
        raise typer.Exit(2) from error
    if json_output:
        typer.echo(json.dumps({"folds": folded.as_dict(), "progressive": timed.as_dict()}, indent=2))
        return
    console.print(f"{len(ratings):,} ratings, {len(set(ratings.users)):,} users, {len(set(ratings.items)):,} items")
    for name in [] if model else missing_raters():
        console.print(f"{name} is left out: the package {RATERS[name].package} is not installed")
    console.print(validation_table(folded, f"{folds} folds: mean ± standard error over them"))
    console.print(
        validation_table(
            timed, f"progressive, {timed.rows:,} ratings in order of time: mean ± s.e. over {folds} periods"
        )
    )


def _read(
    source: str, column: list[str], span: tuple[float, float] | None, kind: str | None, attribute: str
) -> Ratings:
    if source.endswith(FILES):
        columns = {role: name for role, _, name in (one.partition("=") for one in column)}
        return from_file(Path(source), columns, span)
    with bar("reading") as progress:
        return from_store(source if "://" in source else f"sqlite:///{source}", kind, attribute, progress)

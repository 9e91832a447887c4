"""`crossval` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from croupier.cli.failures import reading_file
from croupier.cli.options import Applicability, AsJson, Delimiter, Encoding, Header, Needs, refuse_inapplicable
from croupier.cli.progress import bar
from croupier.cli.stores import existing_file, is_file, named_columns, store_url, text_format
from croupier.cli.terminal import print_json, print_line, print_renderable
from croupier.evaluation.datasets.delimited import TextFormat
from croupier.evaluation.datasets.tables import TEXT_SUFFIXES
from croupier.ratings.crossval import cross_validate, progressive_validate
from croupier.ratings.dataset import ALIASES, Ratings, from_file, from_store
from croupier.ratings.models import RATERS, missing_raters, select_raters
from croupier.reports.ratings_text import validation_table

FILES = (*TEXT_SUFFIXES, ".inter")

# Conditions under which options have an effect.
ON_STORE, ON_FILE, WITH_KIND, WITH_RANKING = "to a store", "to a file of ratings", "with --kind", "with --ranking"
CROSSVAL_OPTIONS: Applicability = {
    "column": (Needs(ON_FILE, "a store has fields of fixed names"),),
    **dict.fromkeys(("encoding", "delimiter", "header"), (Needs(ON_FILE, "a store has a format of its own"),)),
    "reward_range": (Needs(ON_FILE, "for a store, the range is that of the ratings found"),),
    "kind": (Needs(ON_STORE, "a file holds ratings, and no other kinds of observation"),),
    "attribute": (
        Needs(ON_STORE, "in a file, --column value=NAME names the rating"),
        Needs(WITH_KIND, "without a kind of observation, the ratings are rewards"),
    ),
    "k": (Needs(WITH_RANKING, "NDCG and recall are not computed"),),
}


def crossval_command(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(help="Path of a file of ratings (.csv, .tsv, .dat, .inter, …), or path or URL of a store.")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help=f"Model: {', '.join(RATERS)}; all by default. Repeatable."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=NAME", help=f"Column of a file that holds {', '.join(ALIASES)}. Repeatable."),
    ] = None,
    reward_range: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Least and greatest possible rating in a file; those found by default."),
    ] = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    header: Header = None,
    kind: Annotated[
        str | None, typer.Option(help="Kind of observation in a store to take as ratings, instead of rewards.")
    ] = None,
    attribute: Annotated[str, typer.Option(help="Attribute of these observations that holds the rating.")] = "stars",
    folds: Annotated[int, typer.Option(min=2, help="Number of folds, and of periods of time.")] = 5,
    seed: Annotated[int, typer.Option(help="Seed of the split and of randomly initialised models.")] = 7,
    k: Annotated[int, typer.Option(min=1, help="Length of the rankings that NDCG and recall measure.")] = 10,
    liked: Annotated[
        float | None, typer.Option(help="Least rating that counts as liked; 4/5 of the range by default.")
    ] = None,
    warm: Annotated[
        float, typer.Option(min=0.0, max=0.99, help="Share of the ratings fitted before progressive validation.")
    ] = 0.0,
    ranking: Annotated[bool, typer.Option(help="Measure NDCG and recall over all items.")] = True,
    as_json: AsJson = False,
) -> None:
    """Cross-validate rating models, by folds and progressively in order of time."""
    file = is_file(source, FILES)
    present = {ON_FILE if file else ON_STORE, *([WITH_KIND] if kind is not None else []), *([WITH_RANKING] * ranking)}
    refuse_inapplicable(context, CROSSVAL_OPTIONS, present)
    kinds = select_raters(model or [])
    given = text_format(encoding, delimiter, header)
    ratings = _from_file(source, column or [], reward_range, given) if file else _from_store(source, kind, attribute)
    with bar("folds") as progress:
        folded = cross_validate(
            ratings, kinds, folds=folds, seed=seed, k=k, liked=liked, ranking=ranking, progress=progress
        )
    with bar("in order of time") as progress:
        timed = progressive_validate(
            ratings, kinds, warm=warm, periods=folds, seed=seed, liked=liked, progress=progress
        )
    if as_json:
        skipped = dict(ratings.skipped)
        print_json({"folds": folded.as_dict(), "progressive": timed.as_dict(), "skipped": skipped})
        return
    print_line(f"{len(ratings):,} ratings, {len(set(ratings.users)):,} users, {len(set(ratings.items)):,} items")
    for note in ratings.skipped.notes():
        print_line(note)
    for name in [] if model else missing_raters():
        print_line(f"{name} is omitted: the package {RATERS[name].package} is not installed")
    print_renderable(validation_table(folded, f"{folds} folds: mean ± standard error over folds"))
    print_renderable(
        validation_table(
            timed, f"progressive, {timed.rows:,} ratings in order of time: mean ± standard error over {folds} periods"
        )
    )


def _from_file(source: str, column: list[str], reward_range: tuple[float, float] | None, given: TextFormat) -> Ratings:
    roles, path = named_columns(column, "value=stars"), existing_file(Path(source))
    with reading_file(path):
        return from_file(path, roles, reward_range, given)


def _from_store(source: str, kind: str | None, attribute: str) -> Ratings:
    with bar("reading") as progress:
        return from_store(store_url(source), kind, attribute, progress)

"""`evaluate` and `compare` on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bar

from croupier import reports
from croupier.cli.experiments import FixedHorizon, Metrics, moment
from croupier.errors import CroupierError, EvidenceError, InputError
from croupier.evaluation.compare import compare
from croupier.evaluation.datasets import Dataset, compare_dataset, evaluate_dataset, from_path
from croupier.evaluation.estimators.basic import ESTIMATOR_NAMES
from croupier.evaluation.evaluate import evaluate
from croupier.evaluation.intervals import DEFAULT_INTERVALS, INTERVALS
from croupier.evaluation.passes.rows import Progress
from croupier.evaluation.results import Comparison, Evaluation
from croupier.studies.results import Study
from croupier.studies.study import study

FILES = (".csv", ".parquet", ".dsjson", ".json")
TARGETS = (
    "logged, uniform, constant:ACTION, snapshot:POSITION, snapshot:latest, policy:NAME or "
    'policy:NAME:{"json": "arguments"}; give it several times'
)
Store = Annotated[str, typer.Argument(help="A store: a file, or a URL.")]
Log = Annotated[str, typer.Argument(help="A store, a file or a URL; or a log in a .csv, .parquet or .dsjson file.")]
FILE_TARGETS = "; on such a file also column:P, or with the column of v̂ column:P:V, and no snapshots"
Targets = Annotated[list[str], typer.Option("--target", "-t", help=TARGETS + FILE_TARGETS)]
Level = Annotated[float, typer.Option(help="Of the intervals.")]
InSample = Annotated[bool, typer.Option("--in-sample", help="Use rows from which a snapshot has learned, too.")]
Columns = Annotated[list[str] | None, typer.Option(help="ROLE=NAME for a file; ROLE: reward, propensity, action, …")]
Candidates = Annotated[int | None, typer.Option(help="For a file: how many actions there were each time.")]
Features = Annotated[
    list[str] | None, typer.Option(help="For a file: a column of the context, for policy:NAME; give it several times.")
]
Actions = Annotated[
    list[str] | None, typer.Option(help="For a file: one of the candidates, the same each time; give it several times.")
]
Range = Annotated[tuple[float, float], typer.Option(help="For a file: what rewards can be.")]
Floor = Annotated[float | None, typer.Option(help="For a file: the least propensity there could be.")]
Html = Annotated[Path | None, typer.Option(help="Write a page to this file, too.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def store_url(store: str) -> str:
    """The URL of a store given as a URL or as the path of a file.

    >>> store_url("shop.db"), store_url("sqlite:////data/shop.db")
    ('sqlite:///shop.db', 'sqlite:////data/shop.db')
    """
    return store if "://" in store else f"sqlite:///{store}"


def evaluate_command(
    store: Log,
    target: Targets,
    estimator: Annotated[
        list[str] | None, typer.Option("--estimator", "-e", help=f"{ESTIMATOR_NAMES}; give it several times.")
    ] = None,
    interval: Annotated[
        list[str] | None, typer.Option("--interval", "-i", help=f"{', '.join(INTERVALS)}; give it several times.")
    ] = None,
    segment: Annotated[str | None, typer.Option(help="A feature of the context, by whose values to split.")] = None,
    html: Html = None,
    level: Level = 0.95,
    in_sample: InSample = False,
    column: Columns = None,
    candidates: Candidates = None,
    feature: Features = None,
    action: Actions = None,
    reward_range: Range = (0.0, 1.0),
    floor: Floor = None,
    json: AsJson = False,
) -> None:
    """Estimate from a log what other policies would have earned."""
    result: Evaluation
    with _telling(), _bar() as progress:
        if is_file(store):
            result = evaluate_dataset(
                _file(store, column, candidates, feature, action),
                target,
                estimators=estimator or ("ips", "snips"),
                intervals=interval or DEFAULT_INTERVALS,
                segment=segment,
                level=level,
                reward_range=reward_range,
                floor=floor,
                progress=progress,
            )
        else:
            result = evaluate(
                store_url(store),
                target,
                estimators=estimator or ("ips", "snips", "dr"),
                intervals=interval or DEFAULT_INTERVALS,
                segment=segment,
                level=level,
                in_sample=in_sample,
                progress=progress,
            )
    _print(result, html, json)


def compare_command(
    store: Log,
    target: Annotated[list[str] | None, typer.Option("--target", "-t", help=TARGETS + FILE_TARGETS)] = None,
    estimator: Annotated[
        str | None, typer.Option("--estimator", "-e", help="ips, snips, dr or sndr; by default dr, of a file snips.")
    ] = None,
    html: Html = None,
    level: Level = 0.95,
    in_sample: InSample = False,
    column: Columns = None,
    candidates: Candidates = None,
    feature: Features = None,
    action: Actions = None,
    reward_range: Range = (0.0, 1.0),
    floor: Floor = None,
    json: AsJson = False,
    experiment: Annotated[str | None, typer.Option(help="Its name; the last one of the log by default.")] = None,
    metric: Metrics = None,
    segment: Annotated[str | None, typer.Option(help="Of an experiment: a feature by whose values to split.")] = None,
    fixed_horizon: FixedHorizon = None,
) -> None:
    """Compare the variants of the log's experiment; or, with targets, policies on the same rows of a log."""
    result: Comparison | Study
    with _telling(), _bar() as progress:
        if is_file(store):
            result = compare_dataset(
                _file(store, column, candidates, feature, action),
                target or (),
                estimator=estimator or "snips",
                level=level,
                reward_range=reward_range,
                floor=floor,
                progress=progress,
            )
        elif experiment is not None or not target:
            result = study(
                store_url(store),
                experiment,
                metrics=metric or (),
                segment=segment,
                level=level,
                fixed_horizon=None if fixed_horizon is None else moment(fixed_horizon),
            )
        else:
            result = compare(
                store_url(store),
                target,
                estimator=estimator or "dr",
                level=level,
                in_sample=in_sample,
                progress=progress,
            )
    _print(result, html, json)


def is_file(store: str) -> bool:
    """Whether it is a log in a file, and no store."""
    return Path(store).suffix.lower() in FILES


def _file(
    path: str,
    columns: list[str] | None,
    candidates: int | None,
    features: list[str] | None,
    actions: list[str] | None,
) -> Dataset:
    pairs = [pair.partition("=") for pair in columns or ()]
    if wrong := [pair for pair in pairs if not pair[1] or not pair[2]]:
        raise InputError(f"--column {''.join(wrong[0])} says nothing: give ROLE=NAME, for example --column reward=sold")
    if not Path(path).exists():
        raise EvidenceError(f"there is no file {path}")
    named = {role: name for role, _, name in pairs}
    return from_path(path, named, candidates, features=features or (), actions=actions or ())


def _print(result: Evaluation | Comparison | Study, html: Path | None, json: bool) -> None:
    if html is not None:
        html.write_text(reports.as_html(result), encoding="utf-8")
    if json:
        typer.echo(reports.as_json(result))
    else:
        Console().print(reports.as_text(result))


@contextmanager
def _telling() -> Iterator[None]:
    """What Croupier refuses, as a message and exit status 1."""
    try:
        yield
    except CroupierError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def _bar() -> Iterator[Progress]:
    """A progress bar on the error stream, gone when done."""
    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading the log", total=None)
        yield lambda position, head: bar.update(task, completed=position, total=head or None)

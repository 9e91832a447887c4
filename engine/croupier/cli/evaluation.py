"""`evaluate` and `compare` on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from croupier.cli.experiments import FixedHorizon, Metrics, parse_time
from croupier.cli.failures import CheckFailed, reading_file
from croupier.cli.options import (
    Applicability,
    AsJson,
    Delimiter,
    Encoding,
    Header,
    Html,
    Needs,
    refuse_inapplicable,
)
from croupier.cli.progress import bar
from croupier.cli.stores import existing_file, is_file, named_columns, store_url, text_format
from croupier.cli.terminal import print_result
from croupier.evaluation.compare import compare
from croupier.evaluation.datasets import Dataset, compare_dataset, evaluate_dataset, from_path
from croupier.evaluation.datasets.delimited import TextFormat
from croupier.evaluation.datasets.tables import DSJSON_SUFFIXES, JSON_LINES_SUFFIXES, TEXT_SUFFIXES
from croupier.evaluation.estimators.basic import ESTIMATOR_NAMES
from croupier.evaluation.evaluate import evaluate
from croupier.evaluation.intervals import DEFAULT_INTERVALS, INTERVALS
from croupier.evaluation.passes.rows import Progress
from croupier.evaluation.results import Comparison, Evaluation
from croupier.studies.results import Study
from croupier.studies.study import study

TABLES = (*TEXT_SUFFIXES, *JSON_LINES_SUFFIXES, ".parquet")
FILES = (*TABLES, *DSJSON_SUFFIXES)

# Conditions under which options have an effect: the kind of source, and what is asked of it.
ON_STORE, ON_FILE, ON_TABLE = "to a store", "to a log in a file", "to a .csv, .jsonl or .parquet file"
ON_TEXT = "to a file of delimited text"
WITH_TARGETS, WITHOUT_TARGETS = "with --target", "without --target"
_COLUMNS = Needs(ON_TABLE, "a store and a .dsjson file have fields of fixed names")
_RECORDED = Needs(ON_TABLE, "a store and a .dsjson file record the context and the candidates of every decision")
_TEXT = Needs(ON_TEXT, "other formats say how they are encoded")
EVALUATE_OPTIONS: Applicability = {
    "column": (_COLUMNS,),
    "candidates": (_RECORDED,),
    "feature": (_RECORDED,),
    "action": (_RECORDED,),
    "reward_range": (Needs(ON_FILE, "a store records its own reward range"),),
    "floor": (Needs(ON_FILE, "the floor of a store follows from its policy"),),
    "encoding": (_TEXT,),
    "delimiter": (_TEXT,),
    "header": (_TEXT,),
    "strict": (Needs(ON_FILE, "`croupier verify` checks a store"),),
    "in_sample": (Needs(ON_STORE, "only the snapshots of a store have learned from its rows"),),
}
_TARGETS = Needs(WITH_TARGETS, "without targets, the log's experiment is analysed")
_EXPERIMENT = (
    Needs(ON_STORE, "a log in a file records no experiment"),
    Needs(WITHOUT_TARGETS, "with targets, policies are compared and the log's experiment is not analysed"),
)
COMPARE_OPTIONS: Applicability = {
    **EVALUATE_OPTIONS,
    "in_sample": (*EVALUATE_OPTIONS["in_sample"], _TARGETS),
    "estimator": (_TARGETS,),
    "fail_on": (_TARGETS,),
    "experiment": _EXPERIMENT,
    "metric": _EXPERIMENT,
    "fixed_horizon": _EXPERIMENT,
}


class FailOn(StrEnum):
    """What makes a command exit with status 1."""

    REFUSED = "refused"


TARGETS = (
    "Target policy: logged, uniform, constant:ACTION, snapshot:POSITION, snapshot:latest, policy:NAME or "
    'policy:NAME:{"json": "arguments"}. For a log in a file also column:P, or column:P:V where column V holds v̂, and '
    "no snapshots. Repeatable."
)
Log = Annotated[
    str, typer.Argument(help="Path or URL of the store, or path of a log in a .csv, .jsonl, .parquet or .dsjson file.")
]
Level = Annotated[float, typer.Option(help="Confidence level of the intervals.")]
InSample = Annotated[
    bool, typer.Option("--in-sample", help="Also use rows from which a snapshot has learned; stores only.")
]
EstimatorInputs = Annotated[
    list[str] | None,
    typer.Option(metavar="ROLE=NAME", help="Column of a file that holds reward, propensity, action, …. Repeatable."),
]
Candidates = Annotated[int | None, typer.Option(help="Number of candidate actions in every row of a file.")]
Features = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Column of a file that is part of the context. Repeatable."),
]
Actions = Annotated[
    list[str] | None, typer.Option(metavar="ID", help="Candidate action in every row of a file. Repeatable.")
]
RewardRange = Annotated[
    tuple[float, float] | None,
    typer.Option(metavar="LOW HIGH", help="Least and greatest possible reward in a file; 0 1 by default."),
]
Floor = Annotated[float | None, typer.Option(help="Least propensity that the logging policy of a file could give.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse a file with an invalid row, instead of leaving it out and counting it.")
]
Failing = Annotated[
    FailOn | None,
    typer.Option("--fail-on", help="Exit with status 1 if any estimate or difference is refused."),
]


def evaluate_command(
    context: typer.Context,
    store: Log,
    target: Annotated[list[str], typer.Option("--target", "-t", help=TARGETS)],
    estimator: Annotated[
        list[str] | None, typer.Option("--estimator", "-e", help=f"Estimator: {ESTIMATOR_NAMES}. Repeatable.")
    ] = None,
    interval: Annotated[
        list[str] | None,
        typer.Option("--interval", "-i", help=f"Kind of interval: {', '.join(INTERVALS)}. Repeatable."),
    ] = None,
    segment: Annotated[
        str | None,
        typer.Option(help="Feature of the context, or column of a file; estimates are also given for each value."),
    ] = None,
    html: Html = None,
    level: Level = 0.95,
    in_sample: InSample = False,
    column: EstimatorInputs = None,
    candidates: Candidates = None,
    feature: Features = None,
    action: Actions = None,
    reward_range: RewardRange = None,
    floor: Floor = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    header: Header = None,
    strict: Strict = False,
    fail_on: Failing = None,
    as_json: AsJson = False,
) -> None:
    """Estimate from a log what other policies would have earned."""
    refuse_inapplicable(context, EVALUATE_OPTIONS, _source(store))
    with _reading(store) as progress:
        if is_file(store, FILES):
            result = evaluate_dataset(
                _dataset(store, column, candidates, feature, action, text_format(encoding, delimiter, header)),
                target,
                estimators=estimator or ("ips", "snips"),
                intervals=interval or DEFAULT_INTERVALS,
                segment=segment,
                level=level,
                reward_range=reward_range or (0.0, 1.0),
                floor=floor,
                strict=strict,
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
    print_result(result, html, as_json)
    if fail_on is FailOn.REFUSED:
        _check_evidence(_refused_targets(result))


def compare_command(
    context: typer.Context,
    store: Log,
    target: Annotated[list[str] | None, typer.Option("--target", "-t", help=TARGETS)] = None,
    estimator: Annotated[
        str | None,
        typer.Option(
            "--estimator", "-e", help="Estimator: ips, snips, dr or sndr; dr by default, snips for a log in a file."
        ),
    ] = None,
    html: Html = None,
    level: Level = 0.95,
    in_sample: InSample = False,
    column: EstimatorInputs = None,
    candidates: Candidates = None,
    feature: Features = None,
    action: Actions = None,
    reward_range: RewardRange = None,
    floor: Floor = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    header: Header = None,
    strict: Strict = False,
    fail_on: Failing = None,
    as_json: AsJson = False,
    experiment: Annotated[
        str | None, typer.Option(help="Name of the experiment to analyse; the log's last one by default.")
    ] = None,
    metric: Metrics = None,
    segment: Annotated[
        str | None,
        typer.Option(
            help="Feature of the context, or column of a file; targets or the experiment are also analysed for each "
            "of its values."
        ),
    ] = None,
    fixed_horizon: FixedHorizon = None,
) -> None:
    """Compare target policies on the same rows of a log; without targets, the variants of the log's experiment."""
    file = is_file(store, FILES)
    asked = WITH_TARGETS if file or target else WITHOUT_TARGETS
    refuse_inapplicable(context, COMPARE_OPTIONS, {asked, *_source(store)})
    result: Comparison | Study
    with _reading(store) as progress:
        if file:
            result = compare_dataset(
                _dataset(store, column, candidates, feature, action, text_format(encoding, delimiter, header)),
                target or (),
                estimator=estimator or "snips",
                segment=segment,
                level=level,
                reward_range=reward_range or (0.0, 1.0),
                floor=floor,
                strict=strict,
                progress=progress,
            )
        elif target:
            result = compare(
                store_url(store),
                target,
                estimator=estimator or "dr",
                segment=segment,
                level=level,
                in_sample=in_sample,
                progress=progress,
            )
        else:
            result = study(
                store_url(store),
                experiment,
                metrics=metric or (),
                segment=segment,
                level=level,
                fixed_horizon=None if fixed_horizon is None else parse_time(fixed_horizon),
            )
    print_result(result, html, as_json)
    if fail_on is FailOn.REFUSED and isinstance(result, Comparison):
        pairs = [f"{each.first} - {each.second}" for each in result.differences if not each.verdict.enough]
        _check_evidence([*_refused_targets(result.evaluation), *pairs])


def _source(store: str) -> set[str]:
    """The conditions that hold for a kind of source."""
    if not is_file(store, FILES):
        return {ON_STORE}
    suffix = Path(store).suffix.lower()
    return {ON_FILE, *([ON_TABLE] if suffix in TABLES else []), *([ON_TEXT] if suffix in TEXT_SUFFIXES else [])}


@contextmanager
def _reading(store: str) -> Iterator[Progress]:
    """A progress bar; what is wrong with a file is reported as such."""
    reading = reading_file(existing_file(Path(store))) if is_file(store, FILES) else nullcontext()
    with bar("reading the log") as progress, reading:
        yield progress


def _dataset(
    path: str,
    columns: list[str] | None,
    candidates: int | None,
    features: list[str] | None,
    actions: list[str] | None,
    given: TextFormat,
) -> Dataset:
    roles = named_columns(columns or (), "reward=sold")
    return from_path(
        path,
        roles,
        candidates,
        features=features or (),
        actions=actions or (),
        encoding=given.encoding,
        delimiter=given.delimiter,
        header=given.header,
    )


def _refused_targets(evaluation: Evaluation) -> list[str]:
    """The targets of which the evidence refuses all or some of the estimates."""
    return [
        target.label
        for target in evaluation.targets
        if not all(verdict.enough for verdict in (target.verdict, *(e.verdict for e in target.estimates.values())))
    ]


def _check_evidence(refused: list[str]) -> None:
    if refused:
        raise CheckFailed(f"refused for lack of evidence: {', '.join(refused)}")

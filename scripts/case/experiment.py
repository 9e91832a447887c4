"""A candidate promoted on evidence, from start to promotion, on a real classification set: `python -m case.experiment`.

Users come with images of handwritten digits (scikit-learn's, 1,797 of 8 × 8 pixels), some once and some often. The
engine names the digit and learns only whether it was right. For some days a champion runs that learns and draws one
digit in six at random. Then a candidate that explores only while it is uncertain, warm-started from the log, is tried
on a tenth of the users. Its share grows once harm is ruled out, and it is promoted once the evidence suffices. A
hold-out of 5 % of the users stays with the original champion. One promotion rule decides, once a day.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn import datasets

from bench.output import console
from croupier import Engine, Experiment, InverseGapPolicy, Rule, SoftmaxPolicy, reports, study, verify
from croupier.log.ids import counted
from croupier.studies.promotion import Ruling, RulingAction

DAY = 86_400.0
SETS = {"digits": datasets.load_digits, "wine": datasets.load_wine, "breast-cancer": datasets.load_breast_cancer}
RULE = Rule(shares=(0.1, 0.25, 0.5), tolerance=0.3)
BEFORE, AFTER = 4, 2  # days before the experiment starts, and days after the decision
screen = console(110)


class Visit(NamedTuple):
    """A visit: its time, its user, and the number of the image."""

    at: float
    unit: str
    case: int


class Classifier:
    """The engine, with a clock that follows the visits."""

    def __init__(self, url: str, cases: np.ndarray, classes: np.ndarray, explore: float, seed: int) -> None:
        self.now, self.cases, self.classes = 0.0, cases, classes
        self.names = [str(name) for name in np.unique(classes)]
        policy = SoftmaxPolicy(epsilon=explore)
        self.engine = Engine.open(url, policy=policy, seed=seed, learner=None, ids=counted(), clock=self.time)

    def time(self) -> float:
        """The time of the current visit."""
        return self.now

    def serve(self, visit: Visit) -> bool:
        """Choose a class, reward it, and record a rating of one to five stars; whether the class was right."""
        self.now = visit.at
        decision = self.engine.choose(self.cases[visit.case], self.names, unit=visit.unit)
        right = decision.action == str(self.classes[visit.case])
        self.engine.reward(decision.id, float(right))
        self.engine.observe(visit.unit, "rate", stars=5.0 if right else 1.0 + visit.case % 3)
        return right


def visits(units: int, days: int, cases: int, seed: int) -> list[Visit]:
    """Visits in order of time: a few within an hour for every user, and for some again on later days."""
    rng = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    result = []
    for k in range(units):
        at = rng.uniform(0.0, days * DAY)
        while at < days * DAY:
            times = [at + rng.uniform(0.0, 3600.0) for _ in range(rng.randint(1, 5))]
            result += [Visit(when, f"person-{k}", rng.randrange(cases)) for when in times]
            at += rng.expovariate(1.0 / (DAY * rng.choice([2.0, 8.0, 40.0])))
    return sorted(result)


def by_day(stream: list[Visit]) -> Iterator[tuple[int, list[Visit]]]:
    """The visits of each day."""
    last = int(stream[-1].at // DAY)
    for day in range(last + 1):
        yield day + 1, [visit for visit in stream if visit.at // DAY == day]


def play(classifier: Classifier, stream: list[Visit], share: float, bar: Progress) -> Ruling | None:
    """Serve all visits, with one ruling a day until there is a decision, and for a few days more."""
    task = bar.add_task("days", total=int(stream[-1].at // DAY) + 1, status="")
    ruling, left, right = None, AFTER, 0.0
    for day, today in by_day(stream):
        right = sum(map(classifier.serve, today)) / max(len(today), 1)
        classifier.now = day * DAY
        if day == BEFORE:
            classifier.engine.experiments.start(experiment(share))
        elif classifier.engine.experiments.shares:
            ruling = classifier.engine.experiments.advance("cautious", RULE)
            if ruling.action is not RulingAction.WAIT:
                bar.console.print(f"  day {day:>2}  {ruling.action.value:<8} {'; '.join(ruling.reasons)}")
        elif day > BEFORE and (left := left - 1) <= 0:
            break
        share_now = classifier.engine.experiments.shares.get("cautious", float(day > BEFORE))
        bar.update(task, completed=day, status=f"candidate has {share_now:.0%} of users; right today {right:.0%}")
    bar.update(task, total=day, completed=day, status=f"right on the last day {right:.0%}")
    return ruling


def main(
    name: Annotated[str, typer.Option(help=f"Data set: {', '.join(SETS)}.")] = "digits",
    units: Annotated[int, typer.Option(help="Number of users.")] = 4_000,
    days: Annotated[int, typer.Option(help="Number of days.")] = 30,
    explore: Annotated[float, typer.Option(help="Fraction of random choices of the champion.")] = 1 / 6,
    share: Annotated[
        float, typer.Option(help="Initial share of the candidate among the users outside the hold-out.")
    ] = 0.1,
    folder: Annotated[Path, typer.Option(help="Folder for the store and the report.")] = Path("out"),
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 7,
) -> None:
    """Run the experiment and verify its log; exits with 1 if nothing was promoted or the log is unsound."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("experiment.db*"):
        old.unlink()
    file, page = folder / "experiment.db", folder / "experiment.html"
    data = SETS[name]()
    screen.print(f"[bold]1  {len(data.target):,} cases of {name}, {units:,} users, one ruling a day[/bold]")
    classifier = Classifier(f"sqlite:///{file}", np.asarray(data.data, dtype=float), data.target, explore, seed)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[status]}"), TimeElapsedColumn()
    with classifier.engine as engine, Progress(*columns, console=screen) as bar:
        ruling = play(classifier, visits(units, days, len(data.target), seed), share, bar)
        champion = engine.policy.name
    screen.print("[bold]2  Report of the experiment, from the log[/bold]")
    found = study(f"sqlite:///{file}")
    screen.print(reports.as_text(found))
    page.write_text(reports.as_html(found), encoding="utf-8")
    screen.print("[bold]3  Verification of the log[/bold]")
    verification = verify(f"sqlite:///{file}")
    screen.print(f"verify: {verification.summary()}")
    screen.print(f"Champion: {champion}. Report: {page}. Next: croupier compare {file} --metric rate:stars")
    raise typer.Exit(not (verification.sound and ruling is not None and ruling.action is RulingAction.PROMOTE))


def experiment(share: float) -> Experiment:
    """The candidate starts with a small share, 5 % are held out, and the mean stars of a user must not fall by .5."""
    return Experiment(
        "explore less",
        {"explorer": None, "cautious": SoftmaxPolicy()},
        window=DAY,
        weights={"explorer": 1 - share, "cautious": share},
        holdout=0.05,
        warm_start=True,
        guardrails={"rate:stars": 0.5},
        shadows={"inverse gap": InverseGapPolicy()},
    )


if __name__ == "__main__":
    typer.run(main)

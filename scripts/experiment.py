"""A policy promoted on evidence, from start to end, on a real classification set: `python scripts/experiment.py`.

People come with pictures of handwritten digits (scikit-learn's, 1,797 of 8 × 8 pixels), some once, some many times. The
engine says which digit it is, and is told only whether it was right. For some days it has a champion that learns, and
names a digit at random once in six times. Then a candidate that explores only as long as it is unsure, and was taught
what the log knows, is tried on a tenth of the people. It meets more of them once harm is ruled out, and becomes the
champion when the evidence carries it. 5 % of the people go on meeting the old champion as it was. One rule decides,
once a day.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn import datasets

from croupier import Engine, Experiment, InverseGapPolicy, Rule, SoftmaxPolicy, reports, study, verify
from croupier.log.ids import counted
from croupier.studies.promotion import Ruling, RulingAction

DAY = 86_400.0
SETS = {"digits": datasets.load_digits, "wine": datasets.load_wine, "breast-cancer": datasets.load_breast_cancer}
RULE = Rule(shares=(0.1, 0.25, 0.5), tolerance=0.3)
ALONE, AFTER = 4, 2  # days that the champion runs before the experiment, and that are played on after the decision
console = Console(highlight=False, width=110)


class Visit(NamedTuple):
    """Someone comes with a case: when, who, and which."""

    at: float
    unit: str
    case: int


class Shop:
    """The engine with a clock that goes by the visits."""

    def __init__(self, url: str, cases: np.ndarray, classes: np.ndarray, explore: float, seed: int) -> None:
        self.now, self.cases, self.classes = 0.0, cases, classes
        self.names = [str(name) for name in np.unique(classes)]
        policy = SoftmaxPolicy(epsilon=explore)
        self.engine = Engine.open(url, policy=policy, seed=seed, learner=None, ids=counted(), clock=self.time)

    def time(self) -> float:
        """Now."""
        return self.now

    def serve(self, visit: Visit) -> bool:
        """One decision, its reward, and a rating of one to five stars."""
        self.now = visit.at
        decision = self.engine.choose(self.cases[visit.case], self.names, unit=visit.unit)
        right = decision.action == str(self.classes[visit.case])
        self.engine.reward(decision.id, float(right))
        self.engine.observe(visit.unit, "rate", stars=5.0 if right else 1.0 + visit.case % 3)
        return right


def visits(units: int, days: int, cases: int, seed: int) -> list[Visit]:
    """Who comes when: everyone a few times within an hour, some again on later days; in order of time."""
    rng = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    found = []
    for k in range(units):
        at = rng.uniform(0.0, days * DAY)
        while at < days * DAY:
            stay = [at + rng.uniform(0.0, 3600.0) for _ in range(rng.randint(1, 5))]
            found += [Visit(when, f"person-{k}", rng.randrange(cases)) for when in stay]
            at += rng.expovariate(1.0 / (DAY * rng.choice([2.0, 8.0, 40.0])))
    return sorted(found)


def by_day(all_: list[Visit]) -> Iterator[tuple[int, list[Visit]]]:
    """The visits of each day."""
    last = int(all_[-1].at // DAY)
    for day in range(last + 1):
        yield day + 1, [visit for visit in all_ if visit.at // DAY == day]


def play(shop: Shop, all_: list[Visit], share: float, bar: Progress) -> Ruling | None:
    """Serve everyone, with one ruling a day until there is a decision, and a few days more."""
    task, ruling, left, right = bar.add_task("days", total=int(all_[-1].at // DAY) + 1, told=""), None, AFTER, 0.0
    for day, today in by_day(all_):
        right = sum(map(shop.serve, today)) / max(len(today), 1)
        shop.now = day * DAY
        if day == ALONE:
            shop.engine.experiments.start(trial(share))
        elif shop.engine.experiments.shares:
            ruling = shop.engine.experiments.advance("cautious", RULE)
            if ruling.action is not RulingAction.WAIT:
                bar.console.print(f"  day {day:>2}  {ruling.action.value:<8} {'; '.join(ruling.reasons)}")
        elif day > ALONE and (left := left - 1) <= 0:
            break
        met = shop.engine.experiments.shares.get("cautious", float(day > ALONE))
        bar.update(task, completed=day, told=f"{met:.0%} meet the candidate; right today {right:.0%}")
    bar.update(task, total=day, completed=day, told=f"right on the last day {right:.0%}")
    return ruling


def main(
    name: Annotated[str, typer.Option(help=f"The set: {', '.join(SETS)}.")] = "digits",
    units: Annotated[int, typer.Option(help="People.")] = 4_000,
    days: Annotated[int, typer.Option(help="That they come over.")] = 30,
    explore: Annotated[float, typer.Option(help="Share of the choices that the champion makes at random.")] = 1 / 6,
    share: Annotated[
        float, typer.Option(help="Of the people outside the hold-out that first meet the candidate.")
    ] = 0.1,
    folder: Annotated[Path, typer.Option(help="Where the store and the page go.")] = Path("out"),
    seed: Annotated[int, typer.Option(help="From which every draw is derived.")] = 7,
) -> None:
    """Begin, grow, decide, prove; exits 1 where nothing was promoted or the log does not prove itself."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("experiment.db*"):
        old.unlink()
    file, page = folder / "experiment.db", folder / "experiment.html"
    data = SETS[name]()
    console.print(f"[bold]1  {len(data.target):,} cases of {name}, {units:,} people, one ruling a day[/bold]")
    shop = Shop(f"sqlite:///{file}", np.asarray(data.data, dtype=float), data.target, explore, seed)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), TimeElapsedColumn()
    with shop.engine as engine, Progress(*columns, console=console) as bar:
        ruling = play(shop, visits(units, days, len(data.target), seed), share, bar)
        champion = engine.policy.name
    console.print("[bold]2  What the log says of it[/bold]")
    found = study(f"sqlite:///{file}")
    console.print(found)
    page.write_text(reports.as_html(found), encoding="utf-8")
    console.print("[bold]3  The log proves itself[/bold]")
    proof = verify(f"sqlite:///{file}")
    console.print(f"verify: {proof.summary()}")
    console.print(f"The champion now: {champion}. The page: {page}. More: croupier compare {file} --metric rate:stars")
    raise typer.Exit(not (proof.sound and ruling is not None and ruling.action is RulingAction.PROMOTE))


def trial(share: float) -> Experiment:
    """Few people meet the candidate at first, 5 % are held out; the stars of a person must not fall by a half."""
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

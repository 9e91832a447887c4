"""The results of the study of contexts as a table, as paired comparisons, as remarks and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.table import Table
from scipy import stats

from bakeoff.players import PEER, variants
from bakeoff.rows import MEMORY, SETS, Measure, Run, rows
from bakeoff.runs import Job
from bench.output import table

Results = dict[Job, Run]


class Cell(NamedTuple):
    """A measure of one contender on one row."""

    row: str
    measure: str
    larger: bool  # whether a larger value is better
    policy: str
    values: list[float]  # one for each seed; none where the contender refused the events
    options: str  # the variant that was best
    failures: int
    error: str

    @property
    def mean(self) -> float:
        """The mean over seeds; NaN for a contender that refused the events."""
        return float(np.mean(self.values)) if self.values else np.nan

    def __str__(self) -> str:
        if not self.values:
            return "refused"
        failed = f" ({self.failures:,} failed)" if self.failures else ""
        return (f"{self.mean:.3f}" if abs(self.mean) < 10.0 else f"{self.mean:.0f}") + failed


def all_cells(results: Results, names: Sequence[str], policies: Sequence[str]) -> list[Cell]:
    """Every measure of every contender on every row; then the means over the sets of labelled data."""
    found = [cell for name in names for policy in policies for cell in _cells(results, name, policy)]
    sets = [name for name in names if name.startswith(SETS)]
    for policy in policies if len(sets) > 1 else ():
        own = [cell for cell in found if cell.row in sets and cell.policy == policy]
        if len(own) == len(sets) and all(cell.values for cell in own):
            values = np.mean([cell.values for cell in own], axis=0).tolist()
            failures = sum(cell.failures for cell in own)
            found.append(own[0]._replace(row=f"mean of {len(sets)} sets", values=values, failures=failures, options=""))
    return found


def ranked(results: Results, name: str, policy: str) -> list[str]:
    """The variants of a contender that ran on a row with the most seeds, the best by the row's first measure first."""
    runs = {each: _runs(results, name, each) for each in variants(policy, rows()[name].extra)}
    most = max(map(len, runs.values()))
    complete = [each for each, own in runs.items() if most and len(own) == most]
    return sorted(complete, key=lambda each: _score(rows()[name].measures[0], runs[each]), reverse=True)


def _runs(results: Results, name: str, contender: str) -> list[Run]:
    return [run for job, run in results.items() if (job.row, job.contender) == (name, contender)]


def _cells(results: Results, name: str, policy: str) -> list[Cell]:
    """The measures of a contender; of several variants, those of the best."""
    if not (order := ranked(results, name, policy)):
        return []
    runs = _runs(results, name, best := order[0])
    error, failures = next((run["error"] for run in runs if run["error"]), ""), sum(run["failures"] for run in runs)
    return [
        Cell(
            name, m.name, m.larger, policy, [] if _refused(runs) else [m.of(run) for run in runs], best, failures, error
        )
        for m in rows()[name].measures
    ]


def _refused(runs: list[Run]) -> bool:
    return any(run["failures"] == run["played"] for run in runs)


def _score(measure: Measure, runs: list[Run]) -> float:
    if _refused(runs):
        return -np.inf
    mean = float(np.mean([measure.of(run) for run in runs]))
    return mean if measure.larger else -mean


def _by_line(found: Sequence[Cell]) -> dict[tuple[str, str], dict[str, Cell]]:
    """The cells by (row, measure), then by policy."""
    lines: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in found:
        lines.setdefault((cell.row, cell.measure), {})[cell.policy] = cell
    return lines


def as_table(found: Sequence[Cell], policies: Sequence[str], seeds: int) -> Table:
    """A line for each measure of each row."""
    lines = [(*line, *(str(own.get(each, "–")) for each in policies)) for line, own in _by_line(found).items()]
    return table(f"Mean over {seeds} seeds", ("row", "measure", *policies), lines, left=2)


def comparison(found: Sequence[Cell], policies: Sequence[str], base: str) -> Table:
    """How much better each contender is than another on the same seeds, with a one-sided 95 % bound (Student's t)."""
    others, lines = [policy for policy in policies if policy != base], []
    for line, own in _by_line(found).items():
        if base in own:
            lines.append((*line, *(_advantage(own[each], own[base]) if each in own else "–" for each in others)))
    return table(f"Better than {base} by (at least, with 95 % confidence)", ("row", "measure", *others), lines, left=2)


def _advantage(cell: Cell, base: Cell) -> str:
    if not cell.values or not base.values:
        return "–"
    difference = (1.0 if cell.larger else -1.0) * (np.array(cell.values) - np.array(base.values))
    n, mean = len(difference), float(difference.mean())
    if n == 1:
        return f"{mean:+.3f}"
    return f"{mean:+.3f} ({mean - stats.t.ppf(0.95, n - 1) * difference.std(ddof=1) / n**0.5:+.3f})"


def remarks(found: Sequence[Cell], results: Results) -> list[str]:
    """The best options of Vowpal Wabbit, what contenders raised, and the memory of long runs."""
    firsts = {(cell.row, cell.policy): cell for cell in found if cell.options}
    lines = [f"{row}: {cell.options}" for (row, policy), cell in firsts.items() if policy == PEER]
    lines += [f"{row}, {policy}: {cell.error}" for (row, policy), cell in firsts.items() if cell.error]
    return lines + [
        f"{job.row}, {job.contender}, seed {job.seed}: peak memory in MB {' '.join(f'{m:.0f}' for m in run['memory'])}"
        for job, run in results.items()
        if MEMORY in rows()[job.row].measures
    ]


def plot(found: Sequence[Cell], results: Results, file: Path) -> None:
    """Draw the lift in each twentieth of the events, over all seeds: a panel a row, but none for labelled data."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    drawn = {(cell.row, cell.policy): cell.options for cell in found if cell.values and not cell.row.startswith(SETS)}
    drawn = {key: contender for key, contender in drawn.items() if contender}
    names, policies = (list(dict.fromkeys(key[i] for key in drawn)) for i in range(2))
    across = max(1, min(4, len(names)))
    figure = Figure(figsize=(3.6 * across, 2.6 * -(-len(names) // across) + 0.5), layout="constrained")
    panels = {name: figure.add_subplot(-(-len(names) // across), across, i + 1) for i, name in enumerate(names)}
    for (name, policy), contender in drawn.items():
        runs = _runs(results, name, contender)
        obtained, uniform, best, _ = np.sum([run["blocks"] for run in runs], axis=0).reshape(-1, 2, 4).sum(axis=1).T
        places = np.linspace(0.0, runs[0]["played"], len(best) + 1)[1:]
        lifts = (obtained - uniform) / np.maximum(best - uniform, 1e-9)
        panels[name].plot(places, lifts, color=f"C{policies.index(policy)}", linewidth=1.2)
    for name, axes in panels.items():
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    handles = [Line2D([], [], color=f"C{i}", label=policy) for i, policy in enumerate(policies)]
    figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False, fontsize=9)
    figure.savefig(file, dpi=130)

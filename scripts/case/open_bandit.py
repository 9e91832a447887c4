"""Two real policies compared offline: Bernoulli Thompson sampling and uniform, on the uniform log of Open Bandit Data.

`python -m case.open_bandit FOLDER`, where FOLDER holds `random/all/all.csv` of the dataset (the small sample that
obp includes, or the full data) and `action_dist_all_bts.npy`, the target's probabilities, (items, positions), as obp's
`BernoulliTS(is_zozotown_prior=True).compute_batch_action_dist` gives them.

Source: Saito, Aihara, Matsutani & Narita, "Open Bandit Dataset and Pipeline", NeurIPS 2021, arXiv 2008.07146.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from bench.output import console
from croupier import Comparison, reports
from croupier.evaluation.datasets import InMemoryDataset, compare_dataset, evaluate_dataset, from_obp


def log(folder: Path) -> InMemoryDataset:
    """The log of the uniform policy, with the target's probability of the logged action in a column `bts`."""
    with (folder / "random" / "all" / "all.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    bts = np.load(folder / "action_dist_all_bts.npy")
    feedback = {
        "n_rounds": len(rows),
        "n_actions": bts.shape[0],
        "action": np.array([int(row["item_id"]) for row in rows]),
        "position": np.unique([int(row["position"]) for row in rows], return_inverse=True)[1],
        "reward": np.array([float(row["click"]) for row in rows]),
        "pscore": np.array([float(row["propensity_score"]) for row in rows]),
    }
    return from_obp(feedback, {"bts": bts})


def comparison(folder: Path, estimator: str = "snips") -> Comparison:
    """The comparison of both targets; the exploration floor of the log is its uniform propensity."""
    data = log(folder)
    return compare_dataset(
        data, ["column:bts", "uniform"], estimator=estimator, floor=float(data.columns.propensity.min())
    )


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the dataset.")],
    html: Annotated[Path | None, typer.Option(help="Also write an HTML report to this file.")] = None,
) -> None:
    """Print both values and their difference."""
    found, screen = comparison(folder), console(120)
    screen.print(reports.as_text(evaluate_dataset(log(folder), ["column:bts", "uniform", "logged"], floor=1 / 80)))
    screen.print(reports.as_text(found))
    if html is not None:
        html.write_text(reports.as_html(found), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)

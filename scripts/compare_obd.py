"""Two real policies compared offline: the Open Bandit Dataset's Bernoulli Thompson and uniform, on the uniform log.

`python scripts/compare_obd.py FOLDER`, where FOLDER holds `random/all/all.csv` of the dataset (the small one that ships
with obp, or all of it) and `action_dist_all_bts.npy`, the target's probabilities, (items, positions), as obp's
`BernoulliTS(is_zozotown_prior=True).compute_batch_action_dist` gives them.

Source: Saito, Aihara, Matsutani & Narita, "Open Bandit Dataset and Pipeline", NeurIPS 2021, arXiv 2008.07146.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from croupier import Comparison, reports
from croupier.evaluation.datasets import InMemoryDataset, compare_dataset, evaluate_dataset, from_obp


def log(folder: Path) -> InMemoryDataset:
    """The uniform policy's log, with the target's probability of what was shown in a column `bts`."""
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


def compared(folder: Path, estimator: str = "snips") -> Comparison:
    """The comparison; the log's floor is its uniform propensity."""
    data = log(folder)
    return compare_dataset(
        data, ["column:bts", "uniform"], estimator=estimator, floor=float(data.columns.propensity.min())
    )


def main(
    folder: Annotated[Path, typer.Argument(help="The dataset's.")],
    html: Annotated[Path | None, typer.Option(help="Write a page to this file, too.")] = None,
) -> None:
    """Print both values and their difference, with what the evidence is good for."""
    found = compared(folder)
    console = Console(width=120)
    console.print(evaluate_dataset(log(folder), ["column:bts", "uniform", "logged"], floor=1 / 80))
    console.print(found)
    if html is not None:
        html.write_text(reports.as_html(found), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)

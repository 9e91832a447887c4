"""Opens forged stores and snapshots within limits of time and memory: `python -m proofs.forgery`.

`support.forgeries` says what is forged and how it is used. The program fails if one is neither opened, refused nor
reported, or takes longer or more memory than allowed.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from bench.output import console
from support.forgeries import MEGABYTES, SECONDS, Outcome, attempt, forge, sound


def main(
    runs: Annotated[int, typer.Option(help="Number of forgeries.")] = 300,
    first: Annotated[int, typer.Option(help="Number of the first one, from which it is made.")] = 0,
) -> None:
    """Forge stores and snapshots, and use each in a process of its own."""
    screen = console()
    with tempfile.TemporaryDirectory() as folder:
        origin, target = Path(folder, "origin"), Path(folder, "target")
        origin.mkdir()
        target.mkdir()
        sound(origin)
        outcomes: dict[str, Outcome] = {}
        for number in track(range(first, first + runs), "forging", console=screen, transient=True):
            for file in target.iterdir():
                file.unlink()
            name = forge(origin, target, number)
            outcomes[name] = outcome = attempt(target)
            if not outcome.held:
                screen.print(
                    f"{name}: {outcome.seconds:.1f} s, {outcome.megabytes:.0f} MB, {outcome.unexpected}", markup=False
                )
    ends = Counter("opened" if "opened" in outcome.answers else "refused" for outcome in outcomes.values())
    failed = {name: outcome for name, outcome in outcomes.items() if not outcome.held}
    screen.print(
        f"{runs} forgeries: {ends['opened']} opened, {ends['refused']} refused, {len(failed)} beyond the limits; "
        f"at most {max(o.seconds for o in outcomes.values()):.1f} s of CPU (limit {SECONDS:g}) and "
        f"{max(o.megabytes for o in outcomes.values()):.0f} MB beyond the baseline (limit {MEGABYTES:g})"
    )
    raise typer.Exit(bool(failed))


if __name__ == "__main__":
    typer.run(main)

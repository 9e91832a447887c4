"""Calibration of every exported policy over 100,000 decisions: do its draws follow its probabilities?"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.progress import track

from bench.output import console
from croupier_policies import Policy
from croupier_policies.checks.policies import excesses
from croupier_policies.registry import implementations

ARGUMENTS = {"constant": {"action": "a1", "epsilon": 0.1}}


def main(
    decisions: Annotated[int, typer.Option(help="Decisions of each policy.")] = 100_000,
    only: Annotated[
        list[str] | None, typer.Option("--policy", help="Name of a policy to check; may be given several times.")
    ] = None,
) -> None:
    """Compare drawn frequencies with summed probabilities in bins of p; with a floor, the mean of 1/(K·p) with 1."""
    screen, failed = console(160), False
    policies = {n: c for n, c in implementations().items() if issubclass(c, Policy) and (not only or n in only)}
    for name, kind in track(policies.items(), "drawing", console=screen, transient=True):
        found = excesses(partial(kind, **ARGUMENTS.get(name, {})), decisions)
        wrong = [excess for excess in found if abs(excess.sum) > excess.allowed]
        failed |= bool(wrong)
        worst = min(found, key=lambda excess: excess.p)
        finding = "calibrated" if not wrong else f"not calibrated: {wrong}"
        screen.print(
            f"{name:14} {decisions:,} draws, {finding}; least p {worst.p:.2g}, bound {worst.level:.2g} ({worst.what})"
        )
    if failed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)

"""Every exported policy over 100,000 decisions among changing actions: are its draws as likely as it says?"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from croupier_policies import Policy
from croupier_policies.checks.policies import excesses
from croupier_policies.registry import implementations

ARGUMENTS = {"constant": {"action": "a1", "epsilon": 0.1}}


def main(
    decisions: Annotated[int, typer.Option(help="Of each policy.")] = 100_000,
    only: Annotated[list[str] | None, typer.Option("--policy", help="Only these.")] = None,
) -> None:
    """In bins of p, drawn frequency against summed probability; with a floor, the mean of 1/(K·p) against 1."""
    console, failed = Console(width=160), False
    policies = {n: c for n, c in implementations().items() if issubclass(c, Policy) and (not only or n in only)}
    for name, kind in track(policies.items(), "drawing", console=console, transient=True):
        found = excesses(partial(kind, **ARGUMENTS.get(name, {})), decisions)
        wrong = [excess for excess in found if abs(excess.sum) > excess.allowed]
        failed |= bool(wrong)
        worst = min(found, key=lambda excess: excess.p)
        said = "are as likely as it says" if not wrong else f"are not: {wrong}"
        console.print(
            f"{name:14} {decisions:,} draws {said}; least p {worst.p:.2g}, bound {worst.level:.2g} ({worst.what})"
        )
    if failed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)

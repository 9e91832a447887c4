"""An experiment on the command line: its study, and the plan before it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from croupier.errors import InputError

FixedHorizon = Annotated[
    str | None,
    typer.Option(
        help="Also a test for one look, at this time set beforehand: seconds since 1970, or 2026-01-31T12:00."
    ),
]
Metrics = Annotated[
    list[str] | None, typer.Option("--metric", help="Also of what units did: KIND, or KIND:ATTRIBUTE; several times.")
]


def moment(text: str) -> float:
    """Seconds since 1970, given as such or as a date in UTC. Raises InputError.

    >>> moment("86400"), moment("1970-01-02")
    (86400.0, 86400.0)
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no time: give seconds since 1970, or a date like 2026-01-31T12:00") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def plan_command(
    sd: Annotated[float, typer.Option(help="Standard deviation of a unit's reward over a window.")],
    per_day: Annotated[float, typer.Option(help="Units that come for the first time, each day.")],
    window: Annotated[float, typer.Option(help="Days until a unit's window has closed.")],
    horizon: Annotated[float, typer.Option(help="Units that will come after today, for whom the choice is made.")],
    believed: Annotated[float, typer.Option(help="The difference per unit that you believe in.")] = 0.0,
    doubt: Annotated[float, typer.Option(help="Standard deviation of that belief.")] = 0.01,
    share: Annotated[float, typer.Option(help="Of the units that are to meet the candidate.")] = 0.5,
    cost: Annotated[float, typer.Option(help="Of running an experiment at all, in units of reward.")] = 0.0,
    effect: Annotated[float | None, typer.Option(help="Also: units to find this difference with power .8.")] = None,
) -> None:
    """Whether an experiment is worth it, how long it takes, and what its exploring costs, before it is begun."""
    from croupier.studies.statistics.planner import Assumptions, plan, required_units

    try:
        assumptions = Assumptions(sd, per_day, window, horizon, believed, doubt, share, cost)
    except InputError as error:
        typer.echo(f"InputError: {error}", err=True)
        raise typer.Exit(1) from error
    found = plan(assumptions)
    table = Table("what", "expected reward, against doing nothing", title=f"Best: {found.choice}", title_justify="left")
    table.add_row("do nothing", "0")
    table.add_row("switch now, without evidence", f"{found.switch_value:,.4g}")
    table.add_row(f"experiment: {found.units:,} units, {found.days:,.0f} days", f"{found.experiment_value:,.4g}")
    table.add_row("  of which it pays for exploring", f"{0.0 - found.exploration_cost:,.4g}")
    Console().print(table)
    if effect is not None:
        looks = ", ".join(
            f"{required_units(effect, assumptions, sequential=sequential):,} {said}"
            for sequential, said in ((True, "looking as often as you like"), (False, "with one look at the end"))
        )
        typer.echo(f"units to find a difference of {effect:g} with power .8: {looks}")

"""`plan` on the command line, and the options of an experiment's analysis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from croupier.cli.options import AsJson
from croupier.cli.terminal import print_json, print_line, print_renderable
from croupier.errors import InputError

FixedHorizon = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Also test at this one time, which must have been set beforehand: seconds since 1970, or "
        "2026-01-31T12:00.",
    ),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", help="Metric from observations: KIND, or KIND:ATTRIBUTE. Repeatable."),
]


def parse_time(text: str) -> float:
    """Seconds since 1970, given as such or as a date in UTC. Raises InputError.

    >>> parse_time("86400"), parse_time("1970-01-02")
    (86400.0, 86400.0)
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not a time: give seconds since 1970, or a date like 2026-01-31T12:00") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def plan_command(
    sd: Annotated[float, typer.Option(help="Standard deviation of a unit's reward over a window.")],
    per_day: Annotated[float, typer.Option(help="New units per day.")],
    window: Annotated[float, typer.Option(help="Days until a unit's reward window closes.")],
    horizon: Annotated[float, typer.Option(help="Number of future units that the decision affects.")],
    believed: Annotated[float, typer.Option(help="Prior mean of the difference per unit.")] = 0.0,
    doubt: Annotated[float, typer.Option(help="Prior standard deviation of the difference per unit.")] = 0.01,
    share: Annotated[float, typer.Option(help="Share of units assigned to the candidate.")] = 0.5,
    cost: Annotated[float, typer.Option(help="Fixed cost of the experiment, in units of reward.")] = 0.0,
    effect: Annotated[
        float | None, typer.Option(help="Also give the units needed to detect this difference with power 0.8.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute before an experiment whether it is worth running, how long it takes, and what it costs."""
    from croupier.studies.statistics.planner import Assumptions, plan, required_units

    assumptions = Assumptions(sd, per_day, window, horizon, believed, doubt, share, cost)
    found = plan(assumptions)
    if effect == 0.0:
        raise InputError("--effect 0 cannot be detected with any number of units; give the difference to detect")
    needed = None
    if effect is not None:
        needed = {
            "sequential": required_units(effect, assumptions, sequential=True),
            "fixed_sample": required_units(effect, assumptions, sequential=False),
        }
    if as_json:
        print_json({**found._asdict(), "units_to_detect": needed})
        return
    table = Table("choice", "expected reward relative to doing nothing", title=f"Best: {found.choice}")
    table.title_justify = "left"
    table.add_row("do nothing", "0")
    table.add_row("switch now, without evidence", f"{found.switch_value:,.4g}")
    table.add_row(f"experiment: {found.units:,} units, {found.days:,.0f} days", f"{found.experiment_value:,.4g}")
    table.add_row("  of which the cost of exploring", f"{0.0 - found.exploration_cost:,.4g}")
    print_renderable(table)
    if needed is not None:
        print_line(
            f"units to detect a difference of {effect:g} with power 0.8: {needed['sequential']:,} with a confidence "
            f"sequence (anytime-valid), {needed['fixed_sample']:,} with a fixed-sample test"
        )

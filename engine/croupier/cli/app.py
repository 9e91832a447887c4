"""The command line: its commands, and what they have in common."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from croupier.cli.evaluation import compare_command, evaluate_command
from croupier.cli.experiments import plan_command
from croupier.cli.failures import PROGRAM, TRACEBACK, CommandGroup
from croupier.cli.ingestion import ingest_command
from croupier.cli.maintenance import (
    forget_command,
    replay_command,
    set_default_command,
    status_command,
    verify_command,
)
from croupier.cli.ratings import crossval_command
from croupier.cli.snapshots import snapshots

EPILOG = (
    "Exit status: 0 success; 1 a check failed; 2 wrong use; 3 a store or file cannot be read. "
    f"{TRACEBACK} may follow any command."
)

app = typer.Typer(name=PROGRAM, cls=CommandGroup, add_completion=False, epilog=EPILOG)
app.command("verify")(verify_command)
app.command("replay")(replay_command)
app.command("forget")(forget_command)
app.command("set-default")(set_default_command)
app.command("status")(status_command)
app.command("ingest")(ingest_command)
app.command("evaluate")(evaluate_command)
app.command("compare")(compare_command)
app.command("plan")(plan_command)
app.command("crossval")(crossval_command)
app.add_typer(snapshots, name="snapshots")


def _print_version(asked: bool) -> None:
    if asked:
        print(f"{PROGRAM} {version(PROGRAM)}")
        raise typer.Exit


def _help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None and (text := context.get_help()):
        print(text)  # with rich, typer has printed the help itself and returns no text


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
    show_traceback: Annotated[  # `CommandGroup` takes it from any place of the command line
        bool, typer.Option(TRACEBACK, help="Print the Python traceback of a failure.")
    ] = False,
) -> None:
    """Verify, replay and evaluate the logs of Croupier, an embedded engine for contextual bandits."""
    _help_without_command(context)


@snapshots.callback(invoke_without_command=True)
def _snapshots(context: typer.Context) -> None:
    """List, pin, export and import the snapshots of a store."""
    _help_without_command(context)

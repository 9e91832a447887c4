"""The command line: thin shells over the library."""

from __future__ import annotations

import typer

from croupier.evaluation.commands import Store, compare_command, evaluate_command, store_url

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_show_locals=False)

app.command("evaluate")(evaluate_command)
app.command("compare")(compare_command)


@app.command()
def verify(store: Store) -> None:
    """Fold the log again, recompute every probability, and report the first difference."""
    from rich.console import Console  # imported here, so that --help does not wait for what it does not need

    from croupier.errors import CroupierError
    from croupier.progress import bar
    from croupier.verify import verify as run

    console = Console()
    try:
        with bar("verifying", console) as progress:
            found = run(store_url(store), progress=progress)
    except CroupierError as error:
        console.print(f"[red]{error}")
        raise typer.Exit(2) from error
    console.print(found.summary())
    raise typer.Exit(0 if found.sound else 1)

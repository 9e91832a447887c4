"""Arguments and options that several commands share; one name and one meaning each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from croupier.errors import InputError

Store = Annotated[str, typer.Argument(help="Path or URL of the store.")]
Html = Annotated[Path | None, typer.Option(help="Also write the result to this file, as an HTML page.", metavar="FILE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Encoding = Annotated[
    str | None, typer.Option(help="Encoding of a file of delimited text, for example latin-1; found by default.")
]
Delimiter = Annotated[
    str | None, typer.Option(help="Delimiter of a file of delimited text, for example ';' or tab; found by default.")
]
Header = Annotated[
    str | None,
    typer.Option(metavar="NAME,NAME,…", help="Names of the columns, in order, of a file of text without a header."),
]


class Needs(NamedTuple):
    """A condition under which an option has an effect, in words that follow "applies only", and why."""

    condition: str
    reason: str


Applicability = Mapping[str, tuple[Needs, ...]]


def refuse_inapplicable(context: typer.Context, options: Applicability, present: Collection[str]) -> None:
    """Refuse every option of a command line that would have no effect beside its other arguments.

    Args:
        context: The command's, which knows the options that were given.
        options: By the name of a parameter, the conditions that it needs, all of them; others always apply.
        present: The conditions that hold.

    Raises:
        InputError: An option would be ignored; the message names it and says why.
    """
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is None or source.name != "COMMANDLINE":
            continue
        for condition, reason in options.get(parameter.name or "", ()):
            if condition not in present:
                flag = next(name for name in parameter.opts if name.startswith("--"))
                raise InputError(f"{flag} applies only {condition}: {reason}, so the option would be ignored; omit it")

"""Measurements of speed: `python -m bench loop`, `kernels`, `store`, `catalogue`, `evaluation`, `calls`, `gpu`."""

from __future__ import annotations

import typer

from bench import calls, catalogue, evaluation, gpu, kernels, loop, store

app = typer.Typer(help=__doc__, no_args_is_help=True)
for module in (loop, kernels, store, catalogue, evaluation, calls, gpu):
    app.command(module.__name__.rpartition(".")[2])(module.main)

if __name__ == "__main__":
    app()

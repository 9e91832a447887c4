"""Every measurement of speed: `python scripts/bench.py loop`, `kernels`, `store`, `catalogue`, `evaluation`, `calls`.

Without a name it is the loop: latency and throughput of `choose` and `reward` beside their peers.
"""

from __future__ import annotations

import typer

import bench_calls
import bench_catalogue
import bench_evaluation
import bench_kernels
import bench_loop
import bench_store

app = typer.Typer(help=__doc__)
app.command("loop")(bench_loop.bench)
app.command("kernels")(bench_kernels.main)
app.command("store")(bench_store.main)
app.command("catalogue")(bench_catalogue.bench)
app.command("evaluation")(bench_evaluation.main)
app.command("calls")(bench_calls.main)


@app.callback(invoke_without_command=True)
def loop(context: typer.Context) -> None:
    """Time the loop where nothing else is named."""
    if context.invoked_subcommand is None:
        bench_loop.bench()


if __name__ == "__main__":
    app()

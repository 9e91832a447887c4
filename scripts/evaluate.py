"""Estimate the value of policies on a log: `python scripts/evaluate.py STORE --target uniform`."""

import typer

from croupier.cli.evaluation import evaluate_command

if __name__ == "__main__":
    typer.run(evaluate_command)

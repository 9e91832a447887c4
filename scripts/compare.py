"""Compare the values of policies on a log: `python scripts/compare.py STORE --target A --target B`."""

import typer

from croupier.cli.evaluation import compare_command

if __name__ == "__main__":
    typer.run(compare_command)

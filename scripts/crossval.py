"""Cross-validate models of ratings: `python scripts/crossval.py ratings.csv`, or on a store."""

import typer

from croupier.cli.ratings import crossval_command

if __name__ == "__main__":
    typer.run(crossval_command)

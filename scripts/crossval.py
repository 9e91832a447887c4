"""Cross-validate models of ratings from a file or a store: `python scripts/crossval.py ratings.csv`."""

import typer

from croupier.cli.ratings import crossval_command

if __name__ == "__main__":
    typer.run(crossval_command)

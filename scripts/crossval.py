"""Cross-validate models of ratings from a file or a store: `python scripts/crossval.py ratings.csv`."""

import sys

from croupier.cli import app

if __name__ == "__main__":
    app(["crossval", *sys.argv[1:]])

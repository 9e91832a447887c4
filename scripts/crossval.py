"""Cross-validate models of ratings: `python scripts/crossval.py ratings.csv`, or on a store."""

import sys

from croupier.cli import app

if __name__ == "__main__":
    app(["crossval", *sys.argv[1:]])

"""Compare the values of policies on a log: `python scripts/compare.py STORE --target A --target B`."""

import sys

from croupier.cli import app

if __name__ == "__main__":
    app(["compare", *sys.argv[1:]])

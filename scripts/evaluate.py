"""Estimate the value of policies on a log: `python scripts/evaluate.py STORE --target uniform`."""

import sys

from croupier.cli import app

if __name__ == "__main__":
    app(["evaluate", *sys.argv[1:]])

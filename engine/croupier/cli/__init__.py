"""The command line: thin shells over the library."""

from croupier.cli.app import app

__all__ = ["app"]

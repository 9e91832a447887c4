"""The command line: every command calls the library and prints its result."""

from croupier.cli.app import app

__all__ = ["app"]

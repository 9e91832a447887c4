"""`python -m croupier`: the command line."""

from croupier.cli.app import app

if __name__ == "__main__":
    app(prog_name="croupier")

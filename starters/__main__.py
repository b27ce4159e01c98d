"""`python -m starters` is the `wdrip` command."""

from starters.cli import program

program()

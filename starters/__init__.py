"""The `wdrip` command: one small module per verb, each also runnable as `python -m starters.<verb>`."""

"""The `wdrip` command: one small module per verb, each also runnable as `python -m starters.<verb>`."""

import os

# Pydantic looks through every installed distribution for plugins when it is imported, which takes a command
# that should answer at once some 50 ms; wdrip uses none.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

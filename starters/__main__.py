"""`python -m starters` is the `wdrip` command."""

import sys

from starters.cli import main

sys.exit(main())

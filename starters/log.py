"""Short log lines on stderr, in the form that Kubernetes programs use (klog)."""

import os
import sys
from datetime import datetime


def log(message: str) -> None:
    """Write one line, e.g. `I1002 15:31:37.593094   96000 create.py:41] reading config.yaml` (local time)."""
    frame = sys._getframe(1)
    place = os.path.basename(frame.f_code.co_filename)  # noqa: PTH119 - pathlib costs time at every start
    now = datetime.now()
    print(f"I{now:%m%d %H:%M:%S.%f} {os.getpid():7d} {place}:{frame.f_lineno}] {message}", file=sys.stderr)

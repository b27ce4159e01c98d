"""How a process that has used Temporal's client ends."""

import atexit
import os
import sys
from contextlib import suppress
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End the process with this exit code, without tearing the interpreter down.

    Temporal's client leaves native threads behind for a moment; one that meets the interpreter half torn down
    ends the process by SIGSEGV, after everything was done and said (seen with temporalio 1.35, a process in
    some hundred).
    """
    # Logs are flushed and temporary files removed as at any other end.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)

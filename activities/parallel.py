"""Doing several things of one activity side by side, each with the activity's heartbeats and deadline."""

import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def side_by_side(calls: Sequence[Callable[[], Result]], most: int) -> list[Result]:
    """The calls' results in their order, at most so many running at a time.

    One that raises does not end the others; the first exception is raised when all have ended.
    """
    if not calls:
        return []
    with ThreadPoolExecutor(max_workers=min(most, len(calls)), thread_name_prefix="part") as executor:
        # Each thread needs a context of its own: it is what finds the activity.
        futures = [executor.submit(contextvars.copy_context().run, call) for call in calls]
    return [future.result() for future in futures]

"""Remove resources of a stack, each after all that were made on top of it."""

from __future__ import annotations

from collections.abc import Collection

from localcloud.ros.engine.control import Control
from localcloud.ros.engine.failure import Failure
from localcloud.ros.engine.scheduling import run_graph
from localcloud.ros.engine.worker import Worker
from localcloud.ros.records import Records, Stack
from localcloud.ros.template.dependencies import reverse


async def remove(
    records: Records, worker: Worker, stack: Stack, names: Collection[str], control: Control
) -> Failure | None:
    """Remove the named resources in the reverse order of their dependencies; None when all are gone."""
    resources = records.resources(stack.id)
    waits_for = {
        name: frozenset(each for each in resources[name].dependencies if each in names) for name in names
    }
    return await run_graph(reverse(waits_for), worker.delete, control, stack.parallelism)

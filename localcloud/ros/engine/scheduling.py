"""Work on the nodes of a graph: each after what it waits for, as many at once as allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping

from localcloud.ros.engine.control import Control
from localcloud.ros.engine.failure import Failure, StepFailedError

Perform = Callable[[str], Awaitable[None]]


async def run_graph(
    graph: Mapping[str, frozenset[str]], perform: Perform, control: Control, limit: int = 0
) -> Failure | None:
    """Perform every node; None when all are done.

    After the first failure, or when `control` says stop, nothing new begins and what runs is awaited.
    `limit` bounds how many run at once; 0 means no bound. Cancelling this coroutine breaks everything off.
    """
    run = _Run(graph, perform, limit)
    stopping = asyncio.create_task(control.stopping.wait())
    try:
        while True:
            if run.failure is None and not control.stopping.is_set():
                run.begin_ready()
            if not run.running:
                break
            watched = {*run.running} if stopping.done() else {*run.running, stopping}
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            run.collect()
    finally:
        left = [stopping, *run.running]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
    if run.failure is None and run.waiting:
        return Failure(control.reason)
    return run.failure


class _Run:
    def __init__(self, graph: Mapping[str, frozenset[str]], perform: Perform, limit: int) -> None:
        self.waiting = dict(graph)
        self.running: dict[asyncio.Task[None], str] = {}
        self.failure: Failure | None = None
        self._done: set[str] = set()
        self._perform = perform
        self._limit = limit

    def begin_ready(self) -> None:
        for name in list(self._ready()):
            if self._limit and len(self.running) >= self._limit:
                return
            del self.waiting[name]
            self.running[asyncio.create_task(self._one(name))] = name

    def collect(self) -> None:
        for task in [each for each in self.running if each.done()]:
            name = self.running.pop(task)
            try:
                task.result()
            except StepFailedError as error:
                self.failure = self.failure or error.failure
            else:
                self._done.add(name)

    def _ready(self) -> Iterator[str]:
        return (name for name, waits_for in self.waiting.items() if waits_for <= self._done)

    async def _one(self, name: str) -> None:
        await self._perform(name)

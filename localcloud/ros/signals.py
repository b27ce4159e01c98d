"""Signals to wait conditions: kept on disk, awaited without polling."""

from __future__ import annotations

import asyncio
from typing import Any

from localcloud.core.store import Store

_KIND = "ros-signal"


class Signals:
    """Signals by the physical id of a wait condition handle."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._arrivals: dict[str, asyncio.Event] = {}

    def add(self, handle: str, unique_id: str, status: str, data: str = "") -> None:
        """Keep a signal; one with a known `unique_id` replaces the former."""
        document = {"UniqueId": unique_id, "Status": status, "Data": data}
        self._store.put(_KIND, f"{handle}/{unique_id}", document)
        self._arrival(handle).set()

    def of(self, handle: str) -> list[dict[str, Any]]:
        """The signals of a handle: UniqueId, Status, Data."""
        return [each for _, each in self._store.scan(_KIND, at_least=f"{handle}/", below=f"{handle}0")]

    def forget(self, handle: str) -> None:
        """Drop the signals of a handle."""
        for signal in self.of(handle):
            self._store.delete(_KIND, f"{handle}/{signal['UniqueId']}")
        self._arrivals.pop(handle, None)

    async def next_arrival(self, handle: str) -> None:
        """Wait until a signal arrives after the last look with `of`; callers look again then."""
        arrival = self._arrival(handle)
        await arrival.wait()
        arrival.clear()

    def _arrival(self, handle: str) -> asyncio.Event:
        return self._arrivals.setdefault(handle, asyncio.Event())

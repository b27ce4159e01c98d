"""ALIYUN::ROS::WaitConditionHandle and ALIYUN::ROS::WaitCondition.

Signals come by the SignalResource call. The link-local address that a real handle's CurlCli posts to is not
served here, so a handle offers no such attribute.
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.signals import Signals
from localcloud.ros.types.base import Made, ResourceType, Services, Step


class WaitConditionHandle(ResourceType):
    """What signals are sent to."""

    name = "ALIYUN::ROS::WaitConditionHandle"
    properties: ClassVar[Schema] = {
        "Mode": Property(allowed=("Full",)),
        "Count": Property("integer", minimum=-1),
    }

    def __init__(self, services: Services, signals: Signals) -> None:
        super().__init__(services)
        self._signals = signals

    async def create(self, step: Step) -> Made:
        """Nothing but an id."""
        return Made(f"{step.stack_id}-{step.logical_id}-{step.token}")

    async def delete(self, step: Step) -> None:
        """Forget the signals."""
        self._signals.forget(step.physical_id)


class WaitCondition(ResourceType):
    """Complete when enough signals of success have come; failed by one failure or by time."""

    name = "ALIYUN::ROS::WaitCondition"
    properties: ClassVar[Schema] = {
        "Handle": Property(required=True),
        # Resource type reference: 1 to 43200 seconds.
        "Timeout": Property("integer", required=True, minimum=1, maximum=43200),
        "Count": Property("integer", minimum=0),
        "ShowProgressEvent": Property(allowed=("Enabled", "Disabled")),
    }
    attributes = frozenset(["Data", "ErrorData", "JoinedErrorData"])
    waits = True

    def __init__(self, services: Services, signals: Signals) -> None:
        super().__init__(services)
        self._signals = signals

    async def create(self, step: Step) -> Made:
        """Wait; the time counts from the first start, also over a restart of the cloud."""
        deadline = step.started + timedelta(seconds=step.properties["Timeout"])
        remaining = (deadline - self.context.now()).total_seconds()
        wanted = step.properties.get("Count", 1)
        try:
            async with asyncio.timeout(max(remaining, 0)):
                while not self._enough(step.properties["Handle"], wanted):
                    await self._signals.next_arrival(step.properties["Handle"])
        except TimeoutError:
            received = len(self._signals.of(step.properties["Handle"]))
            raise ApiError(
                400, "WaitConditionTimeout", f"{received} of {wanted} received. Timed out."
            ) from None
        return Made(step.logical_id, self._outcome(step.properties["Handle"]))

    async def delete(self, step: Step) -> None:
        """There is nothing to remove."""

    def _enough(self, handle: str, wanted: int) -> bool:
        signals = self._signals.of(handle)
        failures = [each["Data"] for each in signals if each["Status"] == "FAILURE"]
        if failures:
            raise ApiError(400, "WaitConditionFailure", "; ".join(failures) or "A failure was signalled.")
        return len([each for each in signals if each["Status"] == "SUCCESS"]) >= wanted

    def _outcome(self, handle: str) -> dict[str, str]:
        signals = self._signals.of(handle)
        data = {each["UniqueId"]: each["Data"] for each in signals if each["Status"] == "SUCCESS"}
        warnings = {each["UniqueId"]: each["Data"] for each in signals if each["Status"] == "WARNING"}
        return {
            "Data": json.dumps(data),
            "ErrorData": json.dumps(warnings),
            "JoinedErrorData": "; ".join(warnings.values()),
        }

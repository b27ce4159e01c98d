"""What every activity shares: heartbeats while it runs, and failures told in wdrip's two words."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from wdrip.errors import InvalidInput, PermanentError, TemporaryError
from wdrip.failures import INVALID_INPUT, PERMANENT, TEMPORARY

BEAT_SECONDS = 2.0
"""How often a running activity says that its worker lives: five beats fit in a heartbeat timeout."""


class ActivityInterceptor(Interceptor):
    """Gives every activity of a worker heartbeats and the translation of its errors."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Inbound(next)


class _Inbound(ActivityInboundInterceptor):
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._outbound = _RememberingOutbound(outbound)
        super().init(self._outbound)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        beating = asyncio.create_task(self._beat())
        try:
            result = await super().execute_activity(input)
        except Exception as error:
            raise translate(error) from error
        finally:
            beating.cancel()
        # What finishes after the cancel was asked for counts as cancelled: the workflow is already undoing.
        if activity.is_cancelled():
            raise CancelledError("cancelled while it ran")
        return result

    async def _beat(self) -> None:
        """Repeat the last heartbeat, so that a worker's death is noticed within the heartbeat timeout."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self._outbound.repeat()


class _RememberingOutbound(ActivityOutboundInterceptor):
    """Keeps the last heartbeat details: a beat without details would wipe what the Web UI shows."""

    def __init__(self, next: ActivityOutboundInterceptor) -> None:  # noqa: A002
        super().__init__(next)
        self._details: tuple[Any, ...] = ()

    def heartbeat(self, *details: Any) -> None:
        self._details = details
        super().heartbeat(*details)

    def repeat(self) -> None:
        super().heartbeat(*self._details)


def translate(error: Exception) -> Exception:
    """The failure that Temporal should see for `error`; what is not one of ours passes unchanged."""
    if isinstance(error, InvalidInput):
        return ApplicationError(
            str(error), error.field, error.problem, error.remedy, type=INVALID_INPUT, non_retryable=True
        )
    if isinstance(error, PermanentError):
        return ApplicationError(str(error), type=PERMANENT, non_retryable=True)
    if isinstance(error, TemporaryError):
        delay = None if error.retry_after is None else timedelta(seconds=error.retry_after)
        return ApplicationError(str(error), type=TEMPORARY, next_retry_delay=delay)
    return error

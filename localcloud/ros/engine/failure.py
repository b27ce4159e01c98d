"""Why an operation failed, in the words and fields of the API."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Failure:
    """`reason` becomes the stack's StatusReason, `info` its OperationInfo when a service call failed."""

    reason: str
    info: dict[str, str] = field(default_factory=dict)


class StepFailedError(Exception):
    """Work on one resource failed; its own record says so already."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure

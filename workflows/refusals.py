"""Refusals of requests, as a starter reads them: field, problem, remedy."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from wdrip.failures import INVALID_INPUT


def refusal(field: str, problem: str, remedy: str) -> ApplicationError:
    """The error with which a validator or a handler refuses a request."""
    return ApplicationError(
        f"{field}: {problem}; {remedy}", field, problem, remedy, type=INVALID_INPUT, non_retryable=True
    )

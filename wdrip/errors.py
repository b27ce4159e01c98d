"""The two words for failure, and the one for bad input.

Every failure that crosses a boundary of wdrip is one of these three, so that a workflow can tell what is
worth trying again from what needs a person.
"""


class WdripError(Exception):
    """A failure with a message written for the person who reads it."""


class PermanentError(WdripError):
    """Trying again cannot help; the message says what the person can do."""


class TemporaryError(WdripError):
    """Worth trying again, after `retry_after` seconds when the other side named a time."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnreachableError(TemporaryError):
    """No connection came about: the call has had no effect."""

    def refusal(self) -> "InvalidInput":
        """The same for whoever does not wait until it passes: what of the configuration to look at."""
        return InvalidInput(
            "endpoints", str(self), "check the network, and `region` and `endpoints` of the provider"
        )


class InvalidInput(PermanentError):
    """Something a person wrote cannot be accepted: one line that names the field and the remedy."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field}: {problem}; {remedy}")
        self.field = field
        self.problem = problem
        self.remedy = remedy

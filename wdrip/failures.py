"""The types of failure as Temporal carries them: `ApplicationError.type` for workflows and starters."""

INVALID_INPUT = "InvalidInput"
"""Something a person wrote is refused; the details are field, problem and remedy."""
PERMANENT = "PermanentError"
TEMPORARY = "TemporaryError"
CREATE_FAILED = "CreateFailed"
CREATE_CANCELLED = "CreateCancelled"
DELETE_FAILED = "DeleteFailed"

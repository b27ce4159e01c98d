"""The one exception by which a service answers with an error code of the real cloud."""


class ApiError(Exception):
    """An error answer: HTTP `status`, the cloud's `code` and its `message`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message

"""Two values that no template can write: what is not known yet, and what is left out."""

from __future__ import annotations

from typing import Any, Final


class _Marker:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


UNKNOWN: Final = _Marker("UNKNOWN")
"""The value of a reference to a resource that does not exist yet."""

NO_VALUE: Final = _Marker("NO_VALUE")
"""What `ALIYUN::NoValue` stands for: the property or list item that holds it is dropped."""


def holds_unknown(value: Any) -> bool:
    """Whether UNKNOWN stands anywhere in a value."""
    if isinstance(value, dict):
        return any(holds_unknown(each) for each in value.values())
    if isinstance(value, list):
        return any(holds_unknown(each) for each in value)
    return value is UNKNOWN


def without_no_value(value: Any) -> Any:
    """The value with every entry that is NO_VALUE left out."""
    if isinstance(value, dict):
        return {key: without_no_value(each) for key, each in value.items() if each is not NO_VALUE}
    if isinstance(value, list):
        return [without_no_value(each) for each in value if each is not NO_VALUE]
    return value

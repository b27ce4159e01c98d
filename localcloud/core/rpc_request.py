"""The parameters of one RPC call, read with the error codes that the real gateway answers."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from localcloud.core.errors import ApiError


@dataclass(frozen=True)
class RpcRequest:
    """One verified call: `params` are query and form merged, decoded, text to text."""

    service: str
    action: str
    version: str
    account_id: str
    request_id: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def string(
        self,
        name: str,
        default: str = "",
        *,
        required: bool = False,
        pattern: str | None = None,
        choices: Collection[str] | None = None,
        max_length: int | None = None,
    ) -> str:
        """A text parameter; `pattern` must match all of it.

        Raises Missing<Name> (400) when required and absent or empty, InvalidParameter (400) otherwise.
        """
        value = self.params.get(name, "")
        if value == "":
            if required:
                raise missing(name)
            return default
        if choices is not None and value not in choices:
            raise invalid(name, f"must be one of {', '.join(choices)}")
        if pattern is not None and re.fullmatch(pattern, value) is None:
            raise invalid(name)
        if max_length is not None and len(value) > max_length:
            raise invalid(name, f"is longer than {max_length} characters")
        return value

    def integer(
        self,
        name: str,
        default: int = 0,
        *,
        required: bool = False,
        minimum: int | None = None,
        maximum: int | None = None,
    ) -> int:
        """A whole number within the bounds; errors as in `string`."""
        text = self.string(name, required=required)
        if text == "":
            return default
        if re.fullmatch(r"-?[0-9]{1,18}", text) is None:
            raise invalid(name, "must be a whole number")
        value = int(text)
        if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
            raise invalid(name, f"must be between {minimum} and {maximum}")
        return value

    def boolean(self, name: str, default: bool = False) -> bool:
        """A truth value in any case: the Python SDK sends `True`, others `true`."""
        text = self.string(name).lower()
        if text == "":
            return default
        if text not in ("true", "false"):
            raise invalid(name, "must be true or false")
        return text == "true"

    def strings(self, name: str, *, maximum: int | None = None) -> list[str]:
        """A flattened list `Name.1`, `Name.2`, … in order of its numbers."""
        values = [self.params[f"{name}.{index}"] for index in self._indices(name)]
        if maximum is not None and len(values) > maximum:
            raise invalid(name, f"takes at most {maximum} values")
        return values

    def records(self, name: str, fields: Sequence[str]) -> list[dict[str, str]]:
        """A flattened list of records `Name.1.Field`; a record holds only the fields that were sent."""
        found = []
        for index in self._indices(name):
            prefix = f"{name}.{index}."
            found.append(
                {each: self.params[prefix + each] for each in fields if prefix + each in self.params}
            )
        return found

    def json(self, name: str, default: Any = None, *, required: bool = False) -> Any:
        """A parameter that carries JSON text; errors as in `string`."""
        text = self.string(name, required=required)
        if text == "":
            return default
        try:
            return json.loads(text)
        except ValueError as error:
            raise invalid(name, "is not valid JSON") from error

    def _indices(self, name: str) -> list[int]:
        expression = re.compile(re.escape(name) + r"\.([1-9][0-9]{0,3})(?:\..*)?")
        matches = (expression.fullmatch(key) for key in self.params)
        return sorted({int(match.group(1)) for match in matches if match})


def missing(name: str) -> ApiError:
    """The gateway's answer to an absent mandatory parameter."""
    return ApiError(400, f"Missing{name.replace('.', '')}", f"{name} is mandatory for this action.")


def invalid(name: str, why: str = "is not valid") -> ApiError:
    """The answer to a parameter whose value cannot be used."""
    return ApiError(400, "InvalidParameter", f'The specified parameter "{name}" {why}.')

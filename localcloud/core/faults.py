"""Faults on demand: rules by service and action, consulted before and after each call."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Effect = Literal["throttle", "error", "lost_reply", "latency", "hang"]


class Fault(BaseModel):
    """One rule.

    service, action: what it applies to; the action `*` means every action of the service.
    effect: `throttle` answers Throttling.User (400); `error` answers `status`, `code`, `message`, or `body`
        as it stands when given (for answers that are not the cloud's, such as a gateway's 502 page);
        `lost_reply` lets the effect happen and closes the connection; `latency` waits `seconds` first;
        `hang` never answers.
    count: how many calls it applies to; None means every one until it is removed.
    match: parameter name to a regular expression that must be found in the parameter's value.
    retry_after: value of the `x-acs-retry-after` header of a throttle or error (the SDK reads milliseconds).
    """

    model_config = ConfigDict(extra="forbid")

    id: str = Field(default_factory=lambda: secrets.token_hex(6))
    service: str
    action: str
    effect: Effect
    count: int | None = Field(default=1, ge=1)
    match: dict[str, str] = Field(default_factory=dict)
    status: int = Field(default=500, ge=300, le=599)
    code: str = "InternalError"
    message: str = "The request processing has failed due to some unknown error."
    body: str | None = None
    seconds: float = Field(default=0, ge=0)
    retry_after: int | None = None

    def applies(self, service: str, action: str, params: Mapping[str, str]) -> bool:
        """Whether the rule speaks of this call."""
        if self.service != service or self.action not in ("*", action):
            return False
        return all(re.search(expression, params.get(name, "")) for name, expression in self.match.items())


class Faults:
    """The rules in force. They live as long as the process: a restarted cloud is a healthy one."""

    def __init__(self) -> None:
        self._rules: dict[str, Fault] = {}

    def add(self, fault: Fault) -> Fault:
        """Put a rule in force."""
        self._rules[fault.id] = fault
        return fault

    def list(self) -> list[Fault]:
        """The rules still in force, with what remains of their counts."""
        return list(self._rules.values())

    def clear(self, fault_id: str | None = None) -> None:
        """Remove one rule, or all."""
        if fault_id is None:
            self._rules.clear()
        else:
            self._rules.pop(fault_id, None)

    def take(self, service: str, action: str, params: Mapping[str, str]) -> dict[Effect, Fault]:
        """The rules that apply to this call, at most one per effect (the oldest), each counted once."""
        taken: dict[Effect, Fault] = {}
        for rule in list(self._rules.values()):
            if rule.effect not in taken and rule.applies(service, action, params):
                taken[rule.effect] = rule.model_copy()
                self._count(rule)
        return taken

    def _count(self, rule: Fault) -> None:
        if rule.count is None:
            return
        rule.count -= 1
        if rule.count == 0:
            del self._rules[rule.id]

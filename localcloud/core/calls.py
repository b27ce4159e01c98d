"""The record of calls: which service was asked for which action, and what it answered.

Tests prove with it which cloud calls were made. It is a file of JSON lines, so it outlives a killed cloud.
Only parameters that identify things are kept; user data, commands, templates and secrets never are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_IDENTIFYING = re.compile(
    r"(?:RegionId|ZoneId|Amount|MinAmount|DryRun|Force|ForceStop|ClientToken|Name|Type|Status|MaxResults"
    r"|(?:Instance|Image|Stack|VSwitch|SecurityGroup|Vpc|Invoke|Command|Resource)(?:Id|Ids|Name|Type)(?:\.\d+)?"
    r"|Tag\.\d+\.(?:Key|Value)|Tags\.\d+\.(?:Key|Value)|LogicalResourceId|bucket|key|prefix|uploadId|partNumber)"
)


class Calls:
    """Appends to and reads the record."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def record(self, service: str, action: str, params: Mapping[str, str], status: int, code: str) -> None:
        """Add one call; `status` 0 means that no answer was sent, `code` is empty for a success."""
        kept = {name: value for name, value in params.items() if _IDENTIFYING.fullmatch(name)}
        call = {"service": service, "action": action, "params": kept, "status": status, "code": code}
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(call, ensure_ascii=False) + "\n")

    def list(self, service: str | None = None, action: str | None = None) -> list[dict[str, Any]]:
        """The recorded calls, oldest first, of one service or action when given."""
        if not self._path.exists():
            return []
        lines = self._path.read_text(encoding="utf-8").splitlines()
        calls: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [
            call for call in calls if service in (None, call["service"]) and action in (None, call["action"])
        ]

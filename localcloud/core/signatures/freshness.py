"""Replay protection: the time of a request and its nonce."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from localcloud.core.signatures.rejections import nonce_used, time_expired, time_malformed

# API reference, request signatures: a time stamp is valid for 15 minutes.
MAX_SKEW = timedelta(minutes=15)


class Freshness:
    """Checks times and remembers nonces for as long as a request that carries them could be accepted."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._seen: dict[str, datetime] = {}

    def check_time(self, text: str) -> None:
        """Raises InvalidTimeStamp.Format or InvalidTimeStamp.Expired (400)."""
        try:
            sent = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError as error:
            raise time_malformed() from error
        if abs(self._now() - sent) > MAX_SKEW:
            raise time_expired()

    def use_nonce(self, access_key_id: str, nonce: str) -> None:
        """Raises SignatureNonceUsed (400) the second time."""
        now = self._now()
        self._forget(now)
        key = f"{access_key_id}/{nonce}"
        if key in self._seen:
            raise nonce_used()
        self._seen[key] = now

    def _forget(self, now: datetime) -> None:
        # Insertion order is time order: only the front can be too old.
        for key, seen in list(self._seen.items()):
            if now - seen <= 2 * MAX_SKEW:
                break
            del self._seen[key]

"""What the RPC clients (ECS, ROS) share: the SDK's settings and how one call is made."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from wdrip.clients.errors import translated
from wdrip.models.provider_config import Provider

CONNECT_MILLISECONDS = 5_000
READ_MILLISECONDS = 30_000
"""Longer than the SDK's 10 s: a RunInstances or CreateStack under load takes its time, and giving up early
leaves its outcome unknown."""

Answer = TypeVar("Answer")


def sdk_config(provider: Provider, endpoint: str | None) -> Any:
    """The SDK's `Config` for a provider; without `endpoint` the SDK derives the region's own address.

    The SDK's retries stay off (its back-off would block, and its conditions miss most failures): Temporal
    retries. HTTP_PROXY and HTTPS_PROXY are honoured; the SDK takes no notice of NO_PROXY.
    """
    from alibabacloud_tea_openapi.utils_models import Config

    address: dict[str, str] = {"protocol": "HTTPS"}
    if endpoint is not None:
        parts = urlsplit(endpoint)
        address = {"endpoint": parts.netloc, "protocol": parts.scheme.upper()}
    return Config(
        access_key_id=provider.access_key_id,
        access_key_secret=provider.access_key_secret.get_secret_value(),
        region_id=provider.region,
        connect_timeout=CONNECT_MILLISECONDS,
        read_timeout=READ_MILLISECONDS,
        **address,
    )


def call(operation: Callable[[Any], Answer], request: Any, doing: str) -> Any:
    """The body of the answer to one request. Raises wdrip's errors; `doing` completes "cannot …"."""
    with translated(doing):
        answer: Any = operation(request)
        return answer.body

"""What an error of a cloud SDK means: try again, tell the person, or a case that callers handle.

Sources of the codes: the error tables of the RunInstances, Cloud Assistant, ROS and OSS references, and the
retry rules of the Terraform provider for Alibaba Cloud.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from wdrip.errors import InvalidInput, PermanentError, TemporaryError, UnreachableError, WdripError

THROTTLE_SECONDS = 15.0
"""Wait after throttling without a named time: limits count per minute, so four looks cover one."""

_BUSY = re.compile(
    r"Throttling|ServiceUnavailable|InternalError|UnknownError|SystemBusy|TaskConflict|ActionInProgress"
    r"|OperationConflict|Operation\.Conflict|InvalidOperation\.Conflict|LastTokenProcessing"
    r"|LastOrderProcessing|LastRequestProcessing|IdempotentTokenProcessing|DistibuteLock|OperationBusy"
    r"|IncorrectInstanceStatus|IncorrectVSwitchStatus|IncorrectVpcStatus|InstanceNotReady"
    r"|SignatureNonceUsed|RequestTimeout$|CreatingConflict|DependencyViolation|^Conflict$"
)
"""Codes of something that passes by itself: load, a neighbour's operation, a state on its way."""

_NO_STOCK = frozenset(
    {
        "OperationDenied.NoStock",
        "OperationDenied.ZoneNotAllowed",
        "OperationDenied.ZoneSystemCategoryNotMatch",
        "OperationDenied.CloudSSDNotSupported",
        "Zone.NotOnSale",
        "Zone.NotOpen",
        "InvalidVpcZone.NotSupported",
        "InvalidResourceType.NotSupported",
        "InvalidInstanceType.ZoneNotSupported",
        "ResourceNotAvailable",
    }
)
"""Codes of RunInstances for which another zone or instance type may do."""

_QUOTA = re.compile(r"Quota(Exceed|\.)|QuotaExceed|LimitExceed|ExceedQuota|StackLimitExceeded|TooManyBuckets")
_ABSENT = re.compile(r"NotFound|NoSuchKey|NoSuchBucket|InstanceNotExists")
_SKEW = re.compile(r"InvalidTimeStamp|RequestTimeTooSkewed")
_UNKNOWN_KEY = re.compile(r"InvalidAccessKeyId|AccessKeyDisabled|InvalidSecurityToken|SecurityTokenExpired")
_WRONG_SECRET = re.compile(r"SignatureDoesNotMatch|IncompleteSignature")
_FORBIDDEN = re.compile(r"^Forbidden|NoPermission|AccessDenied|PassRoleForbidden|NotAuthorized")
_OTHER_REGION = re.compile(r"signing region", re.IGNORECASE)
"""OSS has no code of its own for a request that was signed for another region."""

_SERVER = re.compile(r"HTTPS?Connection(?:Pool)?\(host=\\?'([^'\\]+)\\?', port=(\d+)\)")
"""How urllib3 names the other side. The SDKs keep only the text of its exceptions."""

_NO_CONNECTION = {
    r"Connection refused": "nothing listens there",
    r"NameResolutionError|Name or service not known": "the name has no address",
    r"ConnectTimeout": "it does not answer",
    r"ProxyError": "the proxy does not let it through",
    r"SSLError|CERTIFICATE_VERIFY_FAILED": "no trusted TLS connection comes about",
    r"NewConnectionError": "there is no way there",
}
"""Why no connection came about, by what the text of the exception holds; the first that fits."""

_NO_ANSWER = {
    r"Read timed out|ReadTimeout": "no answer came in time",
    r"RemoteDisconnected|Connection aborted|ConnectionReset|IncompleteRead": "the connection ended before "
    "the answer came",
}
"""Why the outcome of a call is unknown, in the same way."""

_FOREIGN = frozenset(
    {"Tea", "darabonba", "alibabacloud_tea_openapi", "oss2", "requests", "urllib3", "kubernetes"}
)


class NotFoundError(PermanentError):
    """The thing asked for is not there (any more)."""


class AlreadyExistsError(PermanentError):
    """A thing of that name is there already."""


class ForbiddenError(PermanentError):
    """The access key's user may not do this."""


class OutOfStockError(PermanentError):
    """The zone does not sell this instance or disk type now; another zone or type may do."""


class QuotaExceededError(PermanentError):
    """The account's quota is used up."""


class NothingToChangeError(PermanentError):
    """An update that would change nothing (ROS answers `NotSupported`)."""


def classify(error: BaseException, doing: str) -> WdripError:
    """The word for an SDK's exception; `doing` completes "cannot …" and says what was tried.

    Knows the exceptions of the Alibaba SDKs (Tea), oss2, the Kubernetes client and the network, by their
    attributes, so that no SDK has to be imported. One without code and status is a TemporaryError: the
    network failed, and whether the call had its effect is unknown; when there was no connection at all it
    is an UnreachableError. wdrip's own are given back as they are.
    """
    if isinstance(error, WdripError):
        return error
    if _status(error) <= 0 and (why := _reason(error, _NO_CONNECTION)):
        return UnreachableError(f"cannot {doing}: {_server(error)} cannot be reached, {why}")
    if _status(error) <= 0 and (why := _reason(error, _NO_ANSWER)):
        return TemporaryError(f"cannot {doing}: {why} from {_server(error)}")
    return of_code(_code(error), _status(error), _message(error), doing, _retry_after(error))


def of_code(  # noqa: PLR0911 - one return a kind of answer
    code: str, status: int, message: str, doing: str, retry_after: float | None = None
) -> WdripError:
    """The word for an error answer: the cloud's `code`, the HTTP `status` (0: no answer) and `message`."""
    text = f"cannot {doing}: {' '.join(part for part in (code, message) if part)}"
    if _SKEW.search(code):
        remedy = "set the clock right (e.g. with NTP): requests are refused when it is 15 minutes off"
        return InvalidInput("system clock", f"{code}: this machine's time is not the cloud's", remedy)
    if _UNKNOWN_KEY.search(code):
        return InvalidInput("accessKeyId", f"the cloud does not accept it ({code})", "check the access key")
    if _WRONG_SECRET.search(code):
        return InvalidInput("accessKeySecret", f"does not fit the access key id ({code})", "check the secret")
    if _OTHER_REGION.search(message):
        return InvalidInput(
            "region", f"the service is another region's ({message.rstrip('.')})", "write its own region"
        )
    if "Throttling" in code or status == 429 or retry_after is not None:
        return TemporaryError(text, THROTTLE_SECONDS if retry_after is None else retry_after)
    if code in _NO_STOCK:
        return OutOfStockError(f"{text}; choose another zone or instance type")
    if _QUOTA.search(code):
        return QuotaExceededError(f"{text}; ask for more quota or free some")
    if code in ("StackExists", "AlreadyExists", "BucketAlreadyExists", "FileAlreadyExists"):
        return AlreadyExistsError(text)
    if code == "NotSupported":
        return NothingToChangeError(text)
    if _BUSY.search(code) or status >= 500 or status <= 0:
        return TemporaryError(text)
    if _ABSENT.search(code) or status == 404:
        return NotFoundError(text)
    if _FORBIDDEN.search(code) or status == 403:
        return ForbiddenError(f"{text}; grant the access key's user the permission for it")
    return PermanentError(text)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """SDK and network exceptions inside become wdrip's words; `doing` completes "cannot …"."""
    try:
        yield
    except Exception as error:
        if isinstance(error, WdripError) or not _is_foreign(error):
            raise
        # Without the cause: an SDK's exception may carry the request with its signature.
        raise classify(error, doing) from None


def _is_foreign(error: Exception) -> bool:
    """Whether the error comes from an SDK or the network; a mistake of our own must not look temporary."""
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _FOREIGN


def _reason(error: BaseException, reasons: Mapping[str, str]) -> str:
    text = str(error)
    return next((words for expression, words in reasons.items() if re.search(expression, text)), "")


def _server(error: BaseException) -> str:
    """`host:port` of the other side, as far as the exception tells."""
    found = _SERVER.search(str(error))
    return ":".join(found.groups()) if found else "the server"


def _attribute(error: BaseException, *names: str) -> Any:
    return next((value for name in names if (value := getattr(error, name, None)) not in (None, "")), None)


def _code(error: BaseException) -> str:
    """Tea and oss2: `code`. The Kubernetes client's `reason` is HTTP's; the API server's is in the body."""
    return str(
        _attribute(error, "code")
        or _kubernetes(error, "reason")
        or _attribute(error, "reason")
        or type(error).__name__
    )


def _kubernetes(error: BaseException, field: str) -> str:
    """A field of the Status object with which an API server refuses; empty when there is none."""
    try:
        status = json.loads(getattr(error, "body", None) or "{}")
    except (ValueError, TypeError):
        return ""
    return str(status.get(field) or "") if isinstance(status, dict) else ""


def _status(error: BaseException) -> int:
    status = _attribute(error, "status_code", "status")
    return int(status) if isinstance(status, int) or (isinstance(status, str) and status.isdigit()) else 0


def _message(error: BaseException) -> str:
    """Without the SDK's own prefix and suffix: `code: 403, <message> request id: <id>`."""
    data = getattr(error, "data", None)
    inner = _attribute(error, "inner_exception")
    told = data.get("Message") if isinstance(data, dict) else _kubernetes(error, "message")
    text = str(told or _attribute(error, "message") or inner or error)
    return re.sub(r"^code: \d+, | request id: .*$", "", text.strip().splitlines()[0] if text.strip() else "")


def _retry_after(error: BaseException) -> float | None:
    """Tea's ThrottlingException names milliseconds."""
    milliseconds = getattr(error, "retry_after", None)
    return float(milliseconds) / 1000 if isinstance(milliseconds, int | float) and milliseconds > 0 else None

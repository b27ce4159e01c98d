"""Every answer of the cloud becomes the word that its callers act on."""

import pytest
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException, ThrottlingException
from darabonba.exceptions import RetryError, UnretryableException
from darabonba.policy.retry import RetryPolicyContext
from oss2.exceptions import AccessDenied, NoSuchKey, RequestError
from oss2.exceptions import ServerError as OssServerError

from wdrip.clients.errors import (
    AlreadyExistsError,
    ForbiddenError,
    NotFoundError,
    NothingToChangeError,
    OutOfStockError,
    QuotaExceededError,
    classify,
    translated,
)
from wdrip.errors import InvalidInput, PermanentError, TemporaryError, UnreachableError, WdripError


def refused(code: str, status: int = 400, message: str = "Words of the cloud.") -> ClientException:
    """An error answer as the RPC SDK raises it."""
    return ClientException(
        status_code=status,
        code=code,
        message=f"code: {status}, {message} request id: 1-2-3",
        data={"Code": code, "Message": message, "RequestId": "1-2-3"},
    )


@pytest.mark.parametrize(
    ("code", "status", "word"),
    [
        ("Throttling", 400, TemporaryError),
        ("Throttling.User", 400, TemporaryError),
        ("Rejected.Throttling", 400, TemporaryError),
        ("ServiceUnavailable", 503, TemporaryError),
        ("InternalError", 500, TemporaryError),
        ("InternalError.Dispatch", 500, TemporaryError),
        ("SomethingNew", 502, TemporaryError),
        ("ActionInProgress", 409, TemporaryError),
        ("IncorrectInstanceStatus", 403, TemporaryError),
        ("IncorrectInstanceStatus.Initializing", 403, TemporaryError),
        ("IncorrectVSwitchStatus", 400, TemporaryError),
        ("LastTokenProcessing", 400, TemporaryError),
        ("DependencyViolation.VSwitch", 400, TemporaryError),
        ("OperationDenied.NoStock", 403, OutOfStockError),
        ("Zone.NotOnSale", 403, OutOfStockError),
        ("InvalidInstanceType.ZoneNotSupported", 403, OutOfStockError),
        ("QuotaExceed.ElasticQuota", 403, QuotaExceededError),
        ("QuotaExceeded.PrivateIpAddress", 400, QuotaExceededError),
        ("SecurityGroupInstanceLimitExceed", 403, QuotaExceededError),
        ("InvalidInstanceId.NotFound", 404, NotFoundError),
        ("Forbidden.InstanceNotFound", 403, NotFoundError),
        ("StackNotFound", 404, NotFoundError),
        ("StackExists", 409, AlreadyExistsError),
        ("NotSupported", 400, NothingToChangeError),
        ("Forbidden.RAM", 403, ForbiddenError),
        ("InvalidUser.PassRoleForbidden", 403, ForbiddenError),
        ("StackValidationFailed", 400, PermanentError),
        ("IdempotentParameterMismatch", 400, PermanentError),
        ("InsufficientBalance", 403, PermanentError),
    ],
)
def test_a_code_has_its_word(code: str, status: int, word: type[WdripError]) -> None:
    error = classify(refused(code, status), "start a machine")
    assert type(error) is word or (word is PermanentError and isinstance(error, word))
    assert str(error).startswith(f"cannot start a machine: {code} Words of the cloud.")
    assert "1-2-3" not in str(error)


@pytest.mark.parametrize(
    "code", ["InvalidAccessKeyId.NotFound", "InvalidAccessKeyId", "Forbidden.AccessKeyDisabled"]
)
def test_an_unknown_key_names_the_field(code: str) -> None:
    error = classify(refused(code, 404), "list")
    assert isinstance(error, InvalidInput)
    assert error.field == "accessKeyId"


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "IncompleteSignature"])
def test_a_wrong_secret_names_the_field(code: str) -> None:
    error = classify(refused(code), "list")
    assert isinstance(error, InvalidInput)
    assert error.field == "accessKeySecret"


@pytest.mark.parametrize("code", ["InvalidTimeStamp.Expired", "RequestTimeTooSkewed"])
def test_a_skewed_clock_names_the_clock(code: str) -> None:
    error = classify(refused(code), "list")
    assert isinstance(error, InvalidInput)
    assert "clock" in error.field
    assert "NTP" in error.remedy


def test_a_named_time_is_waited_and_otherwise_a_default() -> None:
    named = ThrottlingException(
        status_code=400, code="Throttling.User", message="slow down", retry_after=2500
    )
    for error, seconds in ((named, 2.5), (refused("Throttling"), 15.0)):
        word = classify(error, "list")
        assert isinstance(word, TemporaryError)
        assert word.retry_after == seconds


def test_an_answer_of_the_server_side_is_temporary() -> None:
    error = ServerException(status_code=500, code="UnexpectedThing", message="code: 500, oops request id: 9")
    assert isinstance(classify(error, "list"), TemporaryError)


NO_CONNECTION = [
    ("[Errno 111] Connection refused", "NewConnectionError", "nothing listens there"),
    ("Name or service not known", "NameResolutionError", "the name has no address"),
    ("timed out. (connect timeout=5)", "ConnectTimeoutError", "it does not answer"),
]


@pytest.mark.parametrize(("text", "kind", "why"), NO_CONNECTION)
def test_no_connection_is_told_in_words_and_apart_from_a_lost_answer(text: str, kind: str, why: str) -> None:
    told = f"HTTPConnectionPool(host='cloud', port=80): Max retries exceeded (Caused by {kind}(\"{text}\"))"
    unretryable = UnretryableException(RetryPolicyContext(exception=RetryError(told)))
    for error in (unretryable, RequestError(OSError(told))):
        word = classify(error, "list")
        assert isinstance(word, UnreachableError)
        assert str(word) == f"cannot list: cloud:80 cannot be reached, {why}"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("Read timed out. (read timeout=30)", "no answer came in time"),
        ("('Connection aborted.', RemoteDisconnected('closed'))", "the connection ended before the answer"),
    ],
)
def test_an_answer_that_got_lost_may_have_had_its_effect(told: str, why: str) -> None:
    word = classify(RequestError(OSError(told)), "list")
    assert type(word) is TemporaryError
    assert f"cannot list: {why}" in str(word)


def test_a_request_signed_for_another_region_names_the_field() -> None:
    message = "Invalid signing region in Authorization header."
    answer = OssServerError(400, {}, b"", {"Code": "InvalidArgument", "Message": message})
    word = classify(answer, "create the bucket")
    assert isinstance(word, InvalidInput)
    assert word.field == "region"


def test_no_answer_at_all_is_temporary_because_the_outcome_is_unknown() -> None:
    unretryable = UnretryableException(RetryPolicyContext(exception=RetryError("timed out")))
    for error in (
        unretryable,
        RequestError(OSError("refused")),
        ConnectionResetError("gone"),
        TimeoutError(),
    ):
        assert isinstance(classify(error, "list"), TemporaryError)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (NoSuchKey(404, {}, b"", {"Code": "NoSuchKey"}), NotFoundError),
        (AccessDenied(403, {}, b"", {"Code": "AccessDenied"}), ForbiddenError),
        (OssServerError(409, {}, b"", {"Code": "FileAlreadyExists"}), AlreadyExistsError),
        (OssServerError(409, {}, b"", {"Code": "BucketAlreadyExists"}), AlreadyExistsError),
        (OssServerError(503, {}, b"", {"Code": "ServiceUnavailable"}), TemporaryError),
        (OssServerError(403, {}, b"", {"Code": "RequestTimeTooSkewed"}), InvalidInput),
    ],
)
def test_oss_answers_have_their_word(error: Exception, word: type[WdripError]) -> None:
    assert type(classify(error, "read")) is word


def test_our_own_errors_pass_unchanged() -> None:
    mine = PermanentError("as it is")
    assert classify(mine, "anything") is mine
    with pytest.raises(PermanentError) as raised, translated("anything"):
        raise mine
    assert raised.value is mine


def test_translation_hides_the_sdks_exception() -> None:
    with pytest.raises(NotFoundError) as raised, translated("read"):
        raise refused("InvalidInstanceId.NotFound", 404)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_a_mistake_of_our_own_does_not_look_temporary() -> None:
    with pytest.raises(KeyError), translated("read"):
        raise KeyError("oops")

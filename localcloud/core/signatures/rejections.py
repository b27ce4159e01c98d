"""The gateway's answers to calls that it cannot trust; codes and messages as the real one sends them."""

from __future__ import annotations

from localcloud.core.errors import ApiError


def access_key_not_found() -> ApiError:
    """The access key id is nobody's."""
    return ApiError(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")


def signature_mismatch(string_to_sign: str) -> ApiError:
    """The signature was made with another secret or over other text than `string_to_sign`."""
    return ApiError(
        400,
        "SignatureDoesNotMatch",
        f"Specified signature is not matched with our calculation. server string to sign is:{string_to_sign}",
    )


def incomplete_signature(why: str) -> ApiError:
    """Something that a signature needs is not there or malformed."""
    return ApiError(
        400, "IncompleteSignature", f"The request signature does not conform to Aliyun standards. {why}"
    )


def time_expired() -> ApiError:
    """The request's time is more than 15 minutes from the server's."""
    return ApiError(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")


def time_malformed() -> ApiError:
    """The request's time is not `yyyy-MM-ddTHH:mm:ssZ`."""
    return ApiError(
        400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted."
    )


def nonce_used() -> ApiError:
    """The same nonce came before."""
    return ApiError(400, "SignatureNonceUsed", "Specified signature nonce was used already.")


def unsupported_algorithm(name: str) -> ApiError:
    """A signing algorithm that this cloud does not verify."""
    return ApiError(400, "InvalidSignatureMethod", f"Specified signature method {name} is not valid.")


def security_token_unknown() -> ApiError:
    """A temporary credential: this cloud issues none."""
    return ApiError(
        400,
        "InvalidSecurityToken.MismatchWithAccessKey",
        "Specified SecurityToken mismatch with the AccessKey.",
    )

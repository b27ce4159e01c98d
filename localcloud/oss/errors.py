"""OSS error answers: status, code, message, error cause (EC) and the extra elements some of them carry."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree as ET


class OssError(Exception):
    """An error answer of OSS. `ec` is the documented error cause, empty where none is known.

    details: elements of the body beside the usual ones. headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        ec: str = "",
        details: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.ec = ec
        self.details = dict(details or {})
        self.headers = dict(headers or {})

    def xml(self, request_id: str, host_id: str) -> bytes:
        """The body of the answer."""
        root = ET.Element("Error")
        elements = {"Code": self.code, "Message": self.message, "RequestId": request_id, "HostId": host_id}
        for name, text in {**elements, **self.details, **({"EC": self.ec} if self.ec else {})}.items():
            ET.SubElement(root, name).text = text
        return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def no_such_bucket(bucket: str) -> OssError:
    """The bucket does not exist."""
    return OssError(
        404,
        "NoSuchBucket",
        "The specified bucket does not exist.",
        ec="0015-00000101",
        details={"BucketName": bucket},
    )


def no_such_key(key: str) -> OssError:
    """The object does not exist."""
    return OssError(
        404, "NoSuchKey", "The specified key does not exist.", ec="0026-00000001", details={"Key": key}
    )


def no_such_upload(upload_id: str) -> OssError:
    """The multipart upload does not exist: never begun, completed or aborted."""
    return OssError(
        404,
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, "
        "or the upload may have been aborted or completed.",
        ec="0042-00000002",
        details={"UploadId": upload_id},
    )


def access_denied(message: str, ec: str = "0003-00000001") -> OssError:
    """The caller may not do this."""
    return OssError(403, "AccessDenied", message, ec=ec)


def invalid_argument(message: str, name: str = "", value: str = "") -> OssError:
    """A parameter or header whose value cannot be used."""
    details = {"ArgumentName": name, "ArgumentValue": value} if name else {}
    return OssError(400, "InvalidArgument", message, ec="0002-00000204", details=details)


def malformed_xml() -> OssError:
    """The body is not the XML that the operation wants."""
    return OssError(400, "MalformedXML", "The XML you provided was not well-formed.")


def file_already_exists() -> OssError:
    """`x-oss-forbid-overwrite: true` and the object exists."""
    return OssError(
        409,
        "FileAlreadyExists",
        "The object you specified already exists and can not be overwritten.",
        ec="0026-00000002",
    )


def precondition_failed(condition: str) -> OssError:
    """A condition of the request does not hold."""
    return OssError(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold.",
        details={"Condition": condition},
    )


def not_implemented(what: str) -> OssError:
    """Something that the real service may know, but this emulator does not: never ignored silently."""
    return OssError(
        501, "NotImplemented", f"A header or parameter you provided is not implemented here: {what}."
    )

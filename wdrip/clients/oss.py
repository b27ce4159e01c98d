"""The bucket that holds index, packages, secrets and backups: a typed face of the OSS SDK."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from wdrip.clients.errors import AlreadyExistsError, ForbiddenError, NotFoundError, translated
from wdrip.errors import InvalidInput, PermanentError
from wdrip.models.provider_config import Provider

TIMEOUT_SECONDS = (5, 30)
"""For a connection, and for each read. oss2 speaks of one number only, and hands both to requests."""

PART_BYTES = 8 * 1024 * 1024
"""Part size of multipart uploads; OSS allows 100 KB to 5 GB and 10 000 parts: files of up to 80 GB."""

_SHA256 = "x-oss-meta-sha256"


@dataclass(frozen=True)
class ObjectInfo:
    """An object's entry in a listing or its head."""

    key: str
    size: int
    """Bytes."""
    modified: datetime
    sha256: str = ""
    """Hex digest recorded by `upload`; empty for other objects and in listings."""


class Bucket:
    """A provider's bucket. Objects are private and encrypted at rest by OSS (SSE, AES256)."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    @property
    def name(self) -> str:
        """The bucket's name."""
        return self._provider.bucket

    def ensure(self) -> bool:
        """Create the bucket, private, unless it is there; whether it was created.

        Raises InvalidInput when the bucket belongs to someone else.
        """
        doing = f"create bucket {self.name}"
        try:
            with translated(doing):
                # Asks for the bucket's own settings, which only its owner may read.
                self._oss.get_bucket_info()
        except NotFoundError:
            return self._create_bucket(doing)
        except ForbiddenError as error:
            raise self._foreign() from error
        return False

    def put(self, key: str, content: bytes) -> None:
        """Write an object, replacing what is there."""
        with translated(f"write {self._name(key)}"):
            self._oss.put_object(key, content, headers=_encrypted())

    def create(self, key: str, content: bytes) -> bool:
        """Write an object only if there is none of that key; False when there is one. Atomic.

        Not so in a bucket with versioning: there OSS ignores the condition.
        """
        try:
            with translated(f"write {self._name(key)}"):
                self._oss.put_object(key, content, headers={**_encrypted(), "x-oss-forbid-overwrite": "true"})
        except AlreadyExistsError:
            return False
        return True

    def get(self, key: str) -> bytes | None:
        """An object's content; None when there is no such object or no such bucket."""
        try:
            with translated(f"read {self._name(key)}"):
                content: bytes = self._oss.get_object(key).read()
                return content
        except NotFoundError:
            return None

    def head(self, key: str) -> ObjectInfo | None:
        """An object's size, time and sha256; None when there is no such object."""
        try:
            with translated(f"read {self._name(key)}"):
                head = self._oss.head_object(key)
        except NotFoundError:
            return None
        modified = datetime.fromtimestamp(head.last_modified, UTC)
        return ObjectInfo(key, head.content_length, modified, head.headers.get(_SHA256, ""))

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there counts as deleted."""
        try:
            with translated(f"delete {self._name(key)}"):
                self._oss.delete_object(key)
        except NotFoundError:
            return

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose key begins with `prefix`, in the keys' order; none when there is no bucket."""
        token = ""
        while True:
            try:
                with translated(f"list {self._name(prefix)}"):
                    page = self._oss.list_objects_v2(prefix=prefix, continuation_token=token, max_keys=1000)
            except NotFoundError:
                return
            for entry in page.object_list:
                yield ObjectInfo(entry.key, entry.size, datetime.fromtimestamp(entry.last_modified, UTC))
            if not page.is_truncated:
                return
            token = page.next_continuation_token

    def upload(self, key: str, path: Path) -> ObjectInfo:
        """Write a file of any size, with its sha256 as metadata; larger ones in parts.

        Raises PermanentError when the object did not arrive whole (its length is not the file's).
        """
        digest = _file_sha256(path)
        headers = {**_encrypted(), _SHA256: digest}
        with translated(f"upload {path} to {self._name(key)}"):
            if path.stat().st_size <= PART_BYTES:
                self._oss.put_object_from_file(key, str(path), headers=headers)
            else:
                self._upload_parts(key, path, headers)
        written = self.head(key)
        if written is None or written.size != path.stat().st_size:
            raise PermanentError(f"{path} did not arrive whole in {self._name(key)}; upload it again")
        return written

    def presigned_get(self, key: str, seconds: int, *, internal: bool = True) -> str:
        """A URL by which anyone can read the object for `seconds`; by default one for machines in a VPC."""
        return self._presigned("GET", key, seconds, internal=internal)

    def begin_parts(self, key: str) -> str:
        """Begin an upload in parts; returns its id. Its parts are billed until it is completed or aborted."""
        with translated(f"begin an upload to {self._name(key)}"):
            upload_id: str = self._oss.init_multipart_upload(key, headers=_encrypted()).upload_id
            return upload_id

    def presigned_part(self, key: str, upload_id: str, number: int, seconds: int) -> str:
        """A URL by which a machine in a VPC can write one part (from 1) of an upload."""
        parameters = {"partNumber": str(number), "uploadId": upload_id}
        return self._presigned("PUT", key, seconds, parameters=parameters)

    def complete_parts(self, key: str, upload_id: str, etags: Mapping[int, str]) -> None:
        """Make the object of the parts with these ETags, by number; OSS refuses when one has another.

        Raises NotFoundError when there is no such upload: it was completed already, or aborted.
        """
        from oss2.models import PartInfo

        parts = [PartInfo(number, etag.upper()) for number, etag in sorted(etags.items())]
        with translated(f"complete the upload to {self._name(key)}"):
            self._oss.complete_multipart_upload(key, upload_id, parts)

    def abort_parts(self, key: str, upload_id: str) -> None:
        """Throw the parts of an upload away; one that is not there counts as thrown away."""
        try:
            with translated(f"abort the upload to {self._name(key)}"):
                self._oss.abort_multipart_upload(key, upload_id)
        except NotFoundError:
            return

    def _presigned(
        self,
        method: str,
        key: str,
        seconds: int,
        *,
        parameters: Mapping[str, str] = MappingProxyType({}),
        internal: bool = True,
    ) -> str:
        bucket = self._client(self._provider.oss_internal_endpoint) if internal else self._oss
        with translated(f"sign a URL of {self._name(key)}"):
            url: str = bucket.sign_url(method, key, seconds, params=dict(parameters), slash_safe=True)
            return url

    def _create_bucket(self, doing: str) -> bool:
        try:
            with translated(doing):
                self._oss.create_bucket("private")
        except AlreadyExistsError as error:
            raise self._foreign() from error
        return True

    def _foreign(self) -> InvalidInput:
        return InvalidInput(
            "bucketName",
            f"bucket {self.name} belongs to someone else, or the access key may not use it",
            "choose another name: bucket names are unique over all accounts",
        )

    def _upload_parts(self, key: str, path: Path, headers: dict[str, str]) -> None:
        from oss2.exceptions import OssError
        from oss2.models import PartInfo

        upload = self._oss.init_multipart_upload(key, headers=headers).upload_id
        try:
            with path.open("rb") as file:
                parts: list[Any] = []
                while chunk := file.read(PART_BYTES):
                    number = len(parts) + 1
                    answer = self._oss.upload_part(key, upload, number, chunk)
                    parts.append(PartInfo(number, answer.etag, size=len(chunk), part_crc=answer.crc))
            self._oss.complete_multipart_upload(key, upload, parts)
        except BaseException:
            # Parts of an unfinished upload are billed until someone aborts it. The first failure is to be
            # told; that the upload is unknown by now may be because its completion only lost its answer.
            with suppress(OssError):
                self._oss.abort_multipart_upload(key, upload)
            raise

    def _name(self, key: str) -> str:
        return f"oss://{self.name}/{key}"

    @cached_property
    def _oss(self) -> Any:
        return self._client(self._provider.oss_endpoint)

    def _client(self, endpoint: str) -> Any:
        import oss2

        provider = self._provider
        auth = oss2.ProviderAuthV4(
            oss2.StaticCredentialsProvider(
                provider.access_key_id, provider.access_key_secret.get_secret_value()
            )
        )
        return oss2.Bucket(
            auth,
            endpoint,
            provider.bucket,
            connect_timeout=TIMEOUT_SECONDS,
            region=provider.region,
            enable_crc=_fast_crc(),
            is_path_style=_is_address(endpoint),
        )


def _is_address(endpoint: str) -> bool:
    """Whether the host is an address: buckets are then the path's first part, not a sub-domain."""
    host = urlsplit(endpoint).hostname or ""
    return host == "localhost" or host.replace(".", "").isdigit() or ":" in host


def _fast_crc() -> bool:
    """Whether crcmod has its C extension. In Python it computes some 2 MB/s, so oss2's check of a transfer
    would take minutes for a package; lengths are checked anyway, and sha256 where the content matters."""
    return find_spec("crcmod._crcfunext") is not None


def _encrypted() -> dict[str, str]:
    return {"x-oss-server-side-encryption": "AES256"}


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

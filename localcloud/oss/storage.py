"""Buckets, objects and uploads by name: descriptions in the store, bytes in blobs.

A change is one store transaction after the new blob is on disk; the blobs that it replaces are removed after
it. Whatever is killed in between, the store speaks only of complete blobs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from localcloud.core.context import Context
from localcloud.oss.blobs import Blobs
from localcloud.oss.errors import OssError, no_such_bucket, no_such_upload
from localcloud.oss.models import Bucket, Part, StoredObject, Upload

_BUCKETS = "oss.bucket"
_UPLOADS = "oss.upload"
_SCAN_BATCH = 1000

Check = Callable[[StoredObject | None], None]


def _objects(bucket: str) -> str:
    return f"oss.object/{bucket}"


def _parts(upload_id: str) -> str:
    return f"oss.part/{upload_id}"


class ObjectStorage:
    """The state of OSS."""

    def __init__(self, context: Context) -> None:
        self._store = context.store
        self.blobs = Blobs(context.state_dir / "oss")

    async def start(self) -> None:
        """Remove what a killed write left behind."""
        stored = (each for bucket in self.buckets() for each in self.scan(bucket.name))
        used = {blob for each in stored for blob in each.blobs}
        used |= {part.blob for upload in self.uploads() for part in self.parts(upload.id)}
        self.blobs.remove_all_but(used)

    async def stop(self) -> None:
        """Nothing is held open between requests."""

    def bucket(self, name: str) -> Bucket | None:
        """The bucket, or None."""
        document = self._store.get(_BUCKETS, name)
        return None if document is None else Bucket.load(document)

    def buckets(self) -> list[Bucket]:
        """All buckets of all accounts by name."""
        return [Bucket.load(document) for _, document in self._store.scan(_BUCKETS)]

    def put_bucket(self, bucket: Bucket) -> None:
        """Create or change a bucket."""
        self._store.put(_BUCKETS, bucket.name, bucket.document())

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket."""
        self._store.delete(_BUCKETS, name)

    def object(self, bucket: str, key: str) -> StoredObject | None:
        """The object, or None."""
        document = self._store.get(_objects(bucket), key)
        return None if document is None else StoredObject.load(document)

    def put_object(self, bucket: str, stored: StoredObject, check: Check) -> None:
        """Create or replace an object whose blobs are complete, or remove these when `check` objects.

        `check` is given what stands there now and raises OssError to refuse. Raises NoSuchBucket (404) when
        the bucket was deleted while the object was received.
        """
        try:
            replaced = self._replace(bucket, stored, check, forget_upload=None)
        except OssError:
            self.blobs.remove(stored.blobs)
            raise
        self.blobs.remove(replaced)

    def change_object(self, bucket: str, changed: StoredObject) -> None:
        """Describe an existing object anew; its bytes stay."""
        self._store.put(_objects(bucket), changed.key, changed.document())

    def delete_object(self, bucket: str, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        with self._store.transaction():
            stored = self.object(bucket, key)
            self._store.delete(_objects(bucket), key)
        if stored is not None:
            self.blobs.remove(stored.blobs)

    def scan(self, bucket: str, at_least: str = "", below: str | None = None) -> Iterator[StoredObject]:
        """Objects with `at_least` <= key (< `below`) in the order of their keys' UTF-8 bytes."""
        while True:
            batch = list(
                self._store.scan(_objects(bucket), at_least=at_least, below=below, limit=_SCAN_BATCH)
            )
            yield from (StoredObject.load(document) for _, document in batch)
            if len(batch) < _SCAN_BATCH:
                return
            at_least = batch[-1][0] + "\0"

    def upload(self, upload_id: str) -> Upload | None:
        """The multipart upload, or None."""
        document = self._store.get(_UPLOADS, upload_id)
        return None if document is None else Upload.load(document)

    def uploads(self, bucket: str | None = None) -> list[Upload]:
        """Uploads (of a bucket) by key and then by id."""
        uploads = [Upload.load(document) for document in self._store.list(_UPLOADS)]
        wanted = [upload for upload in uploads if bucket in (None, upload.bucket)]
        return sorted(wanted, key=lambda upload: (upload.key.encode(), upload.id))

    def put_upload(self, upload: Upload) -> None:
        """Begin an upload."""
        self._store.put(_UPLOADS, upload.id, upload.document())

    def parts(self, upload_id: str) -> list[Part]:
        """The parts of an upload by number."""
        return [Part.load(document) for _, document in self._store.scan(_parts(upload_id))]

    def put_part(self, upload_id: str, part: Part) -> None:
        """Store or replace a part whose blob is complete.

        Raises NoSuchUpload (404), and removes the blob, when the upload ended while the part was received.
        """
        identity = f"{part.number:05d}"
        with self._store.transaction():
            alive = self.upload(upload_id) is not None
            replaced = self._store.get(_parts(upload_id), identity)
            if alive:
                self._store.put(_parts(upload_id), identity, part.document())
        if not alive:
            self.blobs.remove([part.blob])
            raise no_such_upload(upload_id)
        if replaced is not None:
            self.blobs.remove([Part.load(replaced).blob])

    def complete_upload(self, upload: Upload, result: StoredObject, check: Check) -> None:
        """Store the object that the parts make and forget the upload; the parts stay when `check` objects."""
        self.blobs.remove(self._replace(upload.bucket, result, check, forget_upload=upload.id))

    def abort_upload(self, upload_id: str) -> None:
        """Forget the upload and its parts."""
        with self._store.transaction():
            parts = self._forget_upload(upload_id)
        self.blobs.remove(part.blob for part in parts)

    def _replace(
        self, bucket: str, stored: StoredObject, check: Check, forget_upload: str | None
    ) -> list[str]:
        """Names of the blobs that nothing refers to after the change."""
        with self._store.transaction():
            if self.bucket(bucket) is None:
                raise no_such_bucket(bucket)
            replaced = self.object(bucket, stored.key)
            check(replaced)
            self._store.put(_objects(bucket), stored.key, stored.document())
            parts = self._forget_upload(forget_upload) if forget_upload else []
        before = {*(part.blob for part in parts), *(replaced.blobs if replaced else ())}
        return sorted(before - {*stored.blobs})

    def _forget_upload(self, upload_id: str) -> list[Part]:
        parts = self.parts(upload_id)
        self._store.delete(_UPLOADS, upload_id)
        for part in parts:
            self._store.delete(_parts(upload_id), f"{part.number:05d}")
        return parts

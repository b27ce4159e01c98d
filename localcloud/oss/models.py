"""What OSS keeps: buckets, objects, multipart uploads and their parts."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field

BucketAcl = Literal["private", "public-read", "public-read-write"]
ObjectAcl = Literal["default", "private", "public-read", "public-read-write"]


class _Document(BaseModel):
    def document(self) -> dict[str, Any]:
        """As JSON for the store."""
        return self.model_dump(mode="json")

    @classmethod
    def load(cls, document: dict[str, Any]) -> Self:
        """Back from the store."""
        return cls.model_validate(document)


class Bucket(_Document):
    """A bucket and its owner's account id."""

    name: str
    owner: str
    region: str
    created: datetime
    acl: BucketAcl = "private"
    storage_class: str = "Standard"


class ObjectHeaders(BaseModel):
    """What the writer said about an object. `kept`: standard and `x-oss-meta-*` headers, lower-case names."""

    content_type: str = "application/octet-stream"
    kept: dict[str, str] = Field(default_factory=dict)
    encryption: dict[str, str] = Field(default_factory=dict)
    storage_class: str = "Standard"
    acl: ObjectAcl = "default"
    tags: dict[str, str] = Field(default_factory=dict)


class StoredObject(_Document):
    """An object. `blobs` names its files in order; `etag` is without quotes; `crc64` is decimal or empty."""

    key: str
    blobs: tuple[str, ...]
    size: int
    etag: str
    crc64: str
    modified: datetime
    kind: Literal["Normal", "Multipart", "Appendable"] = "Normal"
    headers: ObjectHeaders = Field(default_factory=ObjectHeaders)


class Upload(_Document):
    """A multipart upload that was begun."""

    id: str
    bucket: str
    key: str
    begun: datetime
    headers: ObjectHeaders


class Part(_Document):
    """One part of an upload."""

    number: int
    blob: str
    size: int
    etag: str
    crc64: str
    modified: datetime

"""Which operation a request asks for: by what it names, its method and its sub-resource."""

from __future__ import annotations

from localcloud.oss import bucket_operations as buckets
from localcloud.oss import multipart_operations as multipart
from localcloud.oss import object_operations as objects
from localcloud.oss.call import Operation
from localcloud.oss.errors import OssError, not_implemented
from localcloud.oss.request import OssRequest
from localcloud.oss.signatures.v1 import SUB_RESOURCES

_SERVICE = {("GET", ""): Operation("ListBuckets", "account", buckets.list_buckets)}

_BUCKET = {
    ("PUT", ""): Operation("PutBucket", "account", buckets.put_bucket),
    ("DELETE", ""): Operation("DeleteBucket", "owner", buckets.delete_bucket),
    ("HEAD", ""): Operation("HeadBucket", "list", buckets.head_bucket),
    ("GET", ""): Operation("ListObjects", "list", buckets.list_objects),
    ("GET", "list-type"): Operation("ListObjectsV2", "list", buckets.list_objects_v2),
    ("GET", "bucketInfo"): Operation("GetBucketInfo", "owner", buckets.get_bucket_info),
    ("GET", "location"): Operation("GetBucketLocation", "owner", buckets.get_bucket_location),
    ("GET", "acl"): Operation("GetBucketAcl", "owner", buckets.get_bucket_acl),
    ("PUT", "acl"): Operation("PutBucketAcl", "owner", buckets.put_bucket_acl),
    ("GET", "uploads"): Operation("ListMultipartUploads", "owner", multipart.list_multipart_uploads),
    ("POST", "delete"): Operation("DeleteMultipleObjects", "write", objects.delete_multiple_objects),
}

_OBJECT = {
    ("PUT", ""): Operation("PutObject", "write", objects.put_object),
    ("GET", ""): Operation("GetObject", "read", objects.get_object),
    ("HEAD", ""): Operation("HeadObject", "read", objects.head_object),
    ("HEAD", "objectMeta"): Operation("GetObjectMeta", "read", objects.get_object_meta),
    ("DELETE", ""): Operation("DeleteObject", "write", objects.delete_object),
    ("POST", "append"): Operation("AppendObject", "write", objects.append_object),
    ("GET", "acl"): Operation("GetObjectACL", "owner", objects.get_object_acl),
    ("PUT", "acl"): Operation("PutObjectACL", "owner", objects.put_object_acl),
    ("GET", "tagging"): Operation("GetObjectTagging", "owner", objects.get_object_tagging),
    ("PUT", "tagging"): Operation("PutObjectTagging", "owner", objects.put_object_tagging),
    ("DELETE", "tagging"): Operation("DeleteObjectTagging", "owner", objects.delete_object_tagging),
    ("POST", "uploads"): Operation("InitiateMultipartUpload", "write", multipart.initiate_multipart_upload),
    ("PUT", "uploadId"): Operation("UploadPart", "write", multipart.upload_part),
    ("POST", "uploadId"): Operation("CompleteMultipartUpload", "write", multipart.complete_multipart_upload),
    ("DELETE", "uploadId"): Operation("AbortMultipartUpload", "write", multipart.abort_multipart_upload),
    ("GET", "uploadId"): Operation("ListParts", "owner", multipart.list_parts),
}
_COPY = Operation("CopyObject", "write", objects.copy_object)

# Sub-resources that only refine the operation which another one, or none, selects.
_REFINING = frozenset(("partNumber", "position", "continuation-token", "security-token"))
_LISTING_2 = "2"


def find_operation(request: OssRequest) -> Operation:
    """The operation. Raises NotImplemented (501) for what the real service may know but this one does not."""
    table = _OBJECT if request.key else _BUCKET if request.bucket else _SERVICE
    selecting = _selecting(request)
    if len(selecting) > 1:
        raise OssError(400, "InvalidArgument", "Conflicting sub-resources in the request.")
    sub_resource = selecting[0] if selecting else ""
    operation = table.get((request.method, sub_resource))
    if operation is None:
        raise not_implemented(f"{request.method} ?{sub_resource}" if sub_resource else request.method)
    if request.header("x-oss-copy-source"):
        if operation.name != "PutObject":
            raise not_implemented(f"x-oss-copy-source with {operation.name}")
        return _COPY
    return operation


def _selecting(request: OssRequest) -> list[str]:
    names = [
        name
        for name in request.params
        if name in SUB_RESOURCES and name not in _REFINING and not name.startswith("response-")
    ]
    if request.params.get("list-type") == _LISTING_2 and not request.key:
        names.append("list-type")
    return names

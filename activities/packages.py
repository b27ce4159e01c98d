"""The bucket's index of software packages."""

from pydantic import ValidationError

from wdrip import names
from wdrip.clients.oss import Bucket
from wdrip.errors import PermanentError
from wdrip.models.package import PackageIndex


def read_index(bucket: Bucket) -> PackageIndex:
    """Every package in the bucket; none when there is no index. Raises PermanentError when it is damaged."""
    content = bucket.get(names.PACKAGE_INDEX_KEY)
    if content is None:
        return PackageIndex()
    try:
        return PackageIndex.model_validate_json(content)
    except ValidationError as error:
        raise PermanentError(
            f"oss://{bucket.name}/{names.PACKAGE_INDEX_KEY} is damaged; "
            "upload a package anew: wdrip build --upload"
        ) from error

"""Puts a built package into the bucket: `wdrip build --upload`."""

from wdrip.clients.oss import Bucket
from wdrip.errors import PermanentError
from wdrip.models.package import PackageEntry, PackageIndex
from wdrip.names import PACKAGE_INDEX_KEY
from wdrip.nodes.package.build import BuiltPackage
from wdrip.nodes.package.store import Report


def publish(built: BuiltPackage, bucket: Bucket, report: Report) -> PackageEntry:
    """Uploads the package unless the bucket has it, then names it in the index; the package's entry.

    The bucket is created when missing. The index is written last, so it never names what is not there. OSS
    has no conditional overwrite: of two uploads that end in the same moment one may miss its line in the
    index; running it again, which uploads nothing, adds the line. Raises PermanentError when the package did
    not arrive.
    """
    entry = built.entry
    bucket.ensure()
    there = bucket.head(entry.key)
    if there is not None and (there.size, there.sha256) == (entry.size, entry.sha256):
        report(f"oss://{bucket.name}/{entry.key} is there already")
    else:
        report(f"uploading {entry.name}, {entry.size / 1e6:.0f} MB, to oss://{bucket.name}/{entry.key}")
        written = bucket.upload(entry.key, built.archive)
        if written.sha256 != entry.sha256:
            raise PermanentError(
                f"{built.archive} has changed since it was built; run wdrip build again, then upload"
            )
    bucket.put(entry.key.removesuffix(".tar.gz") + ".json", built.manifest.model_dump_json(indent=1).encode())
    index = _index(bucket).with_entry(entry)
    bucket.put(PACKAGE_INDEX_KEY, index.model_dump_json(indent=1).encode())
    return entry


def _index(bucket: Bucket) -> PackageIndex:
    content = bucket.get(PACKAGE_INDEX_KEY)
    if content is None:
        return PackageIndex()
    try:
        return PackageIndex.model_validate_json(content)
    except ValueError as problem:
        raise PermanentError(
            f"oss://{bucket.name}/{PACKAGE_INDEX_KEY} is no package index; delete it and upload "
            "every package again"
        ) from problem

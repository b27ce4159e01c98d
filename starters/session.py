"""What most verbs begin with: the configuration, the provider and the bucket, each said in a log line."""

import os
from typing import TYPE_CHECKING

from starters.log import log
from wdrip import names
from wdrip.errors import InvalidInput
from wdrip.models.cluster import ClusterRecord
from wdrip.models.provider_config import Provider, WdripConfig

if TYPE_CHECKING:
    from wdrip.clients.oss import Bucket


def load_config() -> WdripConfig:
    """The configuration file that the environment names; warns when others can read it."""
    config = WdripConfig.load(os.environ)
    log(f"trying to load context config from: {config.path}")
    for warning in config.warnings():
        log(f"warning: {warning}")
    return config


def open_bucket(provider: Provider) -> "Bucket":
    """The provider's bucket. Raises InvalidInput or PermanentError when it cannot be used."""
    from wdrip.clients.oss import Bucket

    return Bucket(provider)


def find_record(bucket: "Bucket", cluster: str) -> ClusterRecord | None:
    """The cluster's index entry; None when there is none."""
    key = names.cluster_key(cluster)
    log(f"oss get object from [oss://{bucket.name}/{key}]")
    found = bucket.get(key)
    return None if found is None else ClusterRecord.model_validate_json(found)


def require_record(bucket: "Bucket", cluster: str) -> ClusterRecord:
    """The cluster's index entry; raises InvalidInput when there is none."""
    record = find_record(bucket, cluster)
    if record is None:
        raise InvalidInput("--name", f"there is no cluster `{cluster}`", "list the clusters with `wdrip get`")
    return record

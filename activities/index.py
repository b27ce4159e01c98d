"""The index in the bucket: one entry a cluster, by which it is found when all else is lost."""

from temporalio import activity

from activities.clients import Clients
from wdrip import names
from wdrip.errors import InvalidInput
from wdrip.models.cluster import ClusterRecord


class Index:
    """Writes and removes index entries. An entry of another cluster of the same name is never touched."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def claim_name(self, record: ClusterRecord) -> None:
        """Write the entry of a new cluster; raise InvalidInput when the name is taken.

        The bucket refuses to overwrite, so of two creates at the same time one wins.
        """
        bucket = self._clients.bucket(record.provider)
        key = names.cluster_key(record.name)
        if bucket.create(key, _text(record)):
            return
        # Taken: perhaps by an earlier attempt of this very activity.
        if not self._is_ours(record):
            raise InvalidInput(
                "clusterid",
                f"cluster {record.name} already exists in bucket {bucket.name}",
                f"choose another name, or `wdrip delete -n {record.name}` first",
            )

    @activity.defn(no_thread_cancel_exception=True)
    def save_record(self, record: ClusterRecord) -> None:
        """Bring the entry up to date."""
        self._clients.bucket(record.provider).put(names.cluster_key(record.name), _text(record))

    @activity.defn(no_thread_cancel_exception=True)
    def remove_record(self, record: ClusterRecord) -> None:
        """Remove the cluster's own entry; backups stay."""
        if self._is_ours(record):
            self._clients.bucket(record.provider).delete(names.cluster_key(record.name))

    def _is_ours(self, record: ClusterRecord) -> bool:
        found = self._clients.bucket(record.provider).get(names.cluster_key(record.name))
        return found is not None and ClusterRecord.model_validate_json(found).uid == record.uid


def _text(record: ClusterRecord) -> bytes:
    return record.model_dump_json(by_alias=True, indent=2).encode()

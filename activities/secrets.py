"""The cluster's secrets: sealed in the bucket, opened only inside activities, never in a payload."""

from temporalio import activity

from activities.clients import Clients
from activities.tasks import SecretsTask, TransitObject
from wdrip import names
from wdrip.errors import PermanentError
from wdrip.models.cluster import ClusterRecord
from wdrip.security.bundle import SecretsBundle
from wdrip.security.sealing import load_key, seal, unseal
from wdrip.security.tokens import new_token


class Secrets:
    """Makes and removes the sealed bundle."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def issue_secrets(self, task: SecretsTask) -> None:
        """Make authorities and keys, seal them into the bucket, take the token out of transit.

        Repeated, it makes new ones as long as the token waits in transit: until then nobody uses them.
        Raises PermanentError when the token is gone and there is no bundle.
        """
        bucket = self._clients.bucket(task.record.provider)
        master_key = load_key(self._clients.provider(task.record.provider))
        key = names.secrets_key(task.record.name)
        token = new_token()
        if task.token_reference:
            sealed = bucket.get(task.token_reference)
            if sealed is None and bucket.get(key) is not None:
                return
            if sealed is None:
                raise PermanentError("the kubeadm token is not in transit any more; create the cluster again")
            token = unseal(sealed, master_key, task.token_reference).decode()
        bucket.put(key, seal(SecretsBundle.new(token).to_bytes(), master_key, key))
        if task.token_reference:
            bucket.delete(task.token_reference)

    @activity.defn(no_thread_cancel_exception=True)
    def remove_secrets(self, record: ClusterRecord) -> None:
        """Delete the sealed bundle, and what a recovery kept beside it."""
        bucket = self._clients.bucket(record.provider)
        bucket.delete(names.secrets_key(record.name))
        for kept in bucket.list(names.kept_secrets_prefix(record.name)):
            bucket.delete(kept.key)

    @activity.defn(no_thread_cancel_exception=True)
    def discard_transit(self, found: TransitObject) -> None:
        """Delete an object that nobody will pick up any more."""
        self._clients.bucket(found.provider).delete(found.key)


def read_bundle(clients: Clients, record: ClusterRecord, key: str = "") -> SecretsBundle:
    """The cluster's opened secrets, or those under another key. Raises PermanentError when there are none."""
    key = key or names.secrets_key(record.name)
    sealed = clients.bucket(record.provider).get(key)
    if sealed is None:
        raise PermanentError(f"{key} is missing from the bucket; without it the cluster's identity is lost")
    return SecretsBundle.from_bytes(unseal(sealed, load_key(clients.provider(record.provider)), key))

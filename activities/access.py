"""A session with a cluster's own API, through its public endpoint."""

from collections.abc import Iterator
from contextlib import contextmanager

from activities.clients import Clients
from activities.secrets import read_bundle
from wdrip.clients.kubernetes import ClusterApi
from wdrip.models.cluster import ClusterRecord
from wdrip.nodes.kubeadm import API_PORT


@contextmanager
def cluster_api(clients: Clients, record: ClusterRecord) -> Iterator[ClusterApi]:
    """The API of the cluster, as its administrator."""
    server = f"https://{record.endpoints.public}:{API_PORT}"
    with clients.cluster(server, read_bundle(clients, record)) as api:
        yield api

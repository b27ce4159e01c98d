"""The clients that activities use, by provider key."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cache
from typing import Protocol

from wdrip.clients.ecs import EcsClient
from wdrip.clients.kubernetes import ClusterApi
from wdrip.clients.oss import Bucket
from wdrip.clients.ros import RosClient
from wdrip.models.provider_config import Provider, WdripConfig
from wdrip.security.bundle import SecretsBundle


class Clients(Protocol):
    """Where activities get their clients from; tests give others."""

    def provider(self, key: str) -> Provider:
        """The provider of that key in the worker's configuration; InvalidInput when there is none."""

    def ecs(self, key: str) -> EcsClient:
        """Machines and Cloud Assistant."""

    def ros(self, key: str) -> RosClient:
        """Stacks."""

    def bucket(self, key: str) -> Bucket:
        """The provider's bucket."""

    def cluster(self, server: str, bundle: SecretsBundle) -> AbstractContextManager[ClusterApi]:
        """A session with a cluster's API server at the URL `server`."""


class ConfiguredClients:
    """Clients of the worker's own configuration, which is read anew for every activity: a provider that is
    added or a key that is changed needs no restart."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def provider(self, key: str) -> Provider:
        """See `Clients`."""
        return WdripConfig.load(self._environment).provider(key)

    def ecs(self, key: str) -> EcsClient:
        """See `Clients`."""
        return _ecs(self.provider(key))

    def ros(self, key: str) -> RosClient:
        """See `Clients`."""
        return _ros(self.provider(key))

    def bucket(self, key: str) -> Bucket:
        """See `Clients`."""
        return _bucket(self.provider(key))

    def cluster(self, server: str, bundle: SecretsBundle) -> AbstractContextManager[ClusterApi]:
        """See `Clients`."""
        return ClusterApi.open(server, bundle)


# A client keeps its connections; one per distinct provider is enough for a worker's life.
_ecs = cache(EcsClient)
_ros = cache(RosClient)
_bucket = cache(Bucket)

"""The API server of one cluster, reached over TLS with a client certificate of its own authority."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wdrip.clients.errors import AlreadyExistsError, NotFoundError, translated
from wdrip.security import pki
from wdrip.security.bundle import SecretsBundle

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

REQUEST_SECONDS = 15
"""Time limit of one request: far above what a healthy API server takes, far below any step's deadline."""

FIELD_MANAGER = "wdrip"
"""Under this name the API server remembers which fields wdrip set."""


@dataclass(frozen=True)
class NodeState:
    """What matters of a Node."""

    name: str
    ready: bool
    reason: str
    """Message of the Ready condition; empty when there is none yet."""
    version: str
    """Of its kubelet, e.g. `v1.20.2`."""


class ClusterApi:
    """Typed calls to one cluster's API. Raises PermanentError and TemporaryError only."""

    def __init__(self, api: "ApiClient") -> None:
        self._api = api

    @classmethod
    @contextmanager
    def open(cls, server: str, bundle: SecretsBundle) -> Iterator["ClusterApi"]:
        """A session with the API server at the URL `server`, as a cluster administrator.

        The Kubernetes client reads certificates from files only: they lie in a directory of mode 0700 that is
        gone when the session ends.
        """
        from kubernetes.client import ApiClient, Configuration

        pair = pki.issue_client(bundle.cluster_ca, "wdrip", ("system:masters",))
        with tempfile.TemporaryDirectory(prefix="wdrip-") as folder:
            configuration = Configuration(host=server)
            configuration.ssl_ca_cert = _file(folder, "ca.crt", bundle.cluster_ca.certificate)
            configuration.cert_file = _file(folder, "client.crt", pair.certificate)
            configuration.key_file = _file(folder, "client.key", pair.key)
            # Retries are Temporal's; the client's own would hide them.
            configuration.retries = False
            with ApiClient(configuration) as api:
                yield cls(api)

    def nodes(self) -> list[NodeState]:
        """All Nodes."""
        from kubernetes.client import CoreV1Api

        with translated("list the cluster's nodes"):
            items = CoreV1Api(self._api).list_node(_request_timeout=REQUEST_SECONDS).items
        return [_node_state(item) for item in items]

    def node(self, name: str) -> NodeState | None:
        """The Node of that name; None when there is none."""
        from kubernetes.client import CoreV1Api

        try:
            with translated(f"read node {name}"):
                return _node_state(CoreV1Api(self._api).read_node(name, _request_timeout=REQUEST_SECONDS))
        except NotFoundError:
            return None

    def apply_definition(self, definition: dict[str, Any]) -> None:
        """Create a CustomResourceDefinition, or bring the one that is there to this state."""
        from kubernetes.client import ApiextensionsV1Api

        # The client's methods also take the plain mapping; their annotations know only their own classes.
        api: Any = ApiextensionsV1Api(self._api)
        name = definition["metadata"]["name"]
        try:
            with translated(f"create definition {name}"):
                api.create_custom_resource_definition(
                    definition, field_manager=FIELD_MANAGER, _request_timeout=REQUEST_SECONDS
                )
        except AlreadyExistsError:
            with translated(f"update definition {name}"):
                api.patch_custom_resource_definition(
                    name, definition, field_manager=FIELD_MANAGER, _request_timeout=REQUEST_SECONDS
                )

    def is_established(self, definition: str) -> bool:
        """Whether the API server serves the kind of this CustomResourceDefinition yet."""
        from kubernetes.client import ApiextensionsV1Api

        with translated(f"read definition {definition}"):
            found = ApiextensionsV1Api(self._api).read_custom_resource_definition(
                definition, _request_timeout=REQUEST_SECONDS
            )
        conditions = (found.status.conditions if found.status else None) or []
        return any(each.type == "Established" and each.status == "True" for each in conditions)

    def create_if_missing(self, plural: str, manifest: dict[str, Any]) -> None:
        """Create a cluster-scoped object; one that is there already is the person's and is left as it is."""
        from kubernetes.client import CustomObjectsApi

        group, _, version = manifest["apiVersion"].partition("/")
        try:
            with translated(f"create {manifest['kind']} {manifest['metadata']['name']}"):
                CustomObjectsApi(self._api).create_cluster_custom_object(
                    group,
                    version,
                    plural,
                    manifest,
                    field_manager=FIELD_MANAGER,
                    _request_timeout=REQUEST_SECONDS,
                )
        except AlreadyExistsError:
            return


def _node_state(node: Any) -> NodeState:
    conditions = (node.status.conditions if node.status else None) or []
    ready = next((each for each in conditions if each.type == "Ready"), None)
    return NodeState(
        name=node.metadata.name,
        ready=ready is not None and ready.status == "True",
        reason=(ready.message or "") if ready is not None else "",
        version=node.status.node_info.kubelet_version if node.status and node.status.node_info else "",
    )


def _file(folder: str, name: str, text: str) -> str:
    path = Path(folder) / name
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(text)
    return str(path)

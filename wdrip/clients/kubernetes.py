"""The API server of one cluster, reached over TLS with a client certificate of its own authority."""

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wdrip.clients.errors import AlreadyExistsError, NotFoundError, translated
from wdrip.errors import TemporaryError
from wdrip.models.resources import API_VERSION, MASTER_SET_NAME
from wdrip.security import pki
from wdrip.security.bundle import SecretsBundle

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

REQUEST_SECONDS = 15
"""Time limit of one request: far above what a healthy API server takes, far below any step's deadline."""

FIELD_MANAGER = "wdrip"
"""Under this name the API server remembers which fields wdrip set."""


Json = dict[str, Any]

MASTER_SETS = f"/apis/{API_VERSION}/mastersets"
NODE_POOLS = f"/apis/{API_VERSION}/nodepools"
_NODES = "/api/v1/nodes"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_EVENTS = "/api/v1/namespaces/default/events"
"""Events on objects without a namespace belong into `default`."""

_PAGE = 500
"""Objects a page: what kubectl asks for."""

_POLICY_V1_SINCE = 22
"""Minor version from which the eviction of policy/v1 is served; before, v1beta1's."""


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

    def list_nodes(self) -> list[Json]:
        """All Nodes, as JSON."""
        return self._list(_NODES, "list the cluster's nodes")

    def list_node_leases(self) -> list[Json]:
        """The leases that kubelets renew, as JSON; each has its Node's name."""
        return self._list(_LEASES, "list the nodes' leases")

    def list_pods(self, node: str = "") -> list[Json]:
        """All pods, or those on a Node, as JSON."""
        selector = f"fieldSelector=spec.nodeName%3D{node}" if node else ""
        return self._list("/api/v1/pods", "list the pods", selector)

    def list_unassigned_pods(self) -> list[Json]:
        """The pods that are on no Node, as JSON."""
        return self._list("/api/v1/pods", "list the pods without a node", "fieldSelector=spec.nodeName%3D")

    def list_budgets(self) -> list[Json]:
        """All PodDisruptionBudgets, as JSON with their `apiVersion`."""
        version = self._policy
        found = self._list(f"/apis/policy/{version}/poddisruptionbudgets", "list the disruption budgets")
        return [{**each, "apiVersion": f"policy/{version}"} for each in found]

    def master_set(self) -> Json | None:
        """The MasterSet, as JSON; None when there is none."""
        return self._read(f"{MASTER_SETS}/{MASTER_SET_NAME}", "read the MasterSet")

    def node_pools(self) -> list[Json]:
        """All NodePools, as JSON; none when the kind is not defined."""
        try:
            return self._list(NODE_POOLS, "list the node pools")
        except NotFoundError:
            return []

    def node_pool(self, name: str) -> Json | None:
        """The NodePool of that name, as JSON; None when there is none."""
        return self._read(f"{NODE_POOLS}/{name}", f"read node pool {name}")

    def set_status(self, path: str, name: str, status: Mapping[str, Any]) -> None:
        """Write the status of a MasterSet (path MASTER_SETS) or NodePool (NODE_POOLS); a gone one is left."""
        try:
            self._patch(f"{path}/{name}/status", {"status": dict(status)}, f"write the status of {name}")
        except NotFoundError:
            return

    def set_replicas(self, replicas: int) -> None:
        """Write the MasterSet's `spec.replicas`. Raises NotFoundError when there is none."""
        self._patch(f"{MASTER_SETS}/{MASTER_SET_NAME}", {"spec": {"replicas": replicas}}, "scale the masters")

    def set_desired_capacity(self, pool: str, desired: int) -> None:
        """Write a pool's `spec.infra.desiredCapacity`. Raises NotFoundError when there is no such pool."""
        body = {"spec": {"infra": {"desiredCapacity": desired}}}
        self._patch(f"{NODE_POOLS}/{pool}", body, f"scale node pool {pool}")

    def set_finalizers(self, pool: Json, finalizers: list[str]) -> None:
        """Write a NodePool's finalizers, unless it was changed since it was read; a gone one is left.

        Raises TemporaryError when it was changed.
        """
        metadata = pool["metadata"]
        body = {
            "metadata": {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]},
        }
        try:
            self._patch(f"{NODE_POOLS}/{metadata['name']}", body, f"mark node pool {metadata['name']}")
        except NotFoundError:
            return

    def set_unschedulable(self, node: str, unschedulable: bool) -> bool:
        """Cordon or uncordon a Node; False when there is none."""
        try:
            self._patch(f"{_NODES}/{node}", {"spec": {"unschedulable": unschedulable}}, f"cordon {node}")
        except NotFoundError:
            return False
        return True

    def evict(self, namespace: str, pod: str) -> bool:
        """Ask a pod to leave; False when a PodDisruptionBudget forbids it now. A gone pod has left."""
        body = {
            "apiVersion": f"policy/{self._policy}",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        }
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
        try:
            self._call("POST", path, f"evict {namespace}/{pod}", body)
        except NotFoundError:
            return True
        except TemporaryError as error:
            # 429: a budget forbids it now. 500: the pod stands under two budgets. Both are asked again.
            if "disruption budget" in str(error).lower() or "PodDisruptionBudget" in str(error):
                return False
            raise
        return True

    def change_node_pool(self, name: str, changes: Json) -> None:
        """Merge `changes` into a NodePool; null takes a field out. Raises NotFoundError for none."""
        self._patch(f"{NODE_POOLS}/{name}", changes, f"change node pool {name}")

    def delete_pods(self, namespace: str, labels: str) -> None:
        """Delete the pods with these labels (`key=value`); whatever keeps them makes new ones."""
        path = f"/api/v1/namespaces/{namespace}/pods?labelSelector={quote(labels)}"
        self._call("DELETE", path, f"delete the pods {labels}")

    def delete_node(self, name: str) -> None:
        """Delete a Node; one that is gone counts as deleted."""
        try:
            self._call("DELETE", f"{_NODES}/{name}", f"delete node {name}")
        except NotFoundError:
            return

    def add_event(self, event: Mapping[str, Any]) -> None:
        """Create an Event; one of its name is there already when this is a repetition."""
        try:
            self._call("POST", _EVENTS, "tell an event", dict(event))
        except AlreadyExistsError:
            return

    @cached_property
    def _minor(self) -> int:
        version = self._call("GET", "/version", "ask for the API server's version")
        # Some distributions write `20+`.
        return int(re.sub(r"\D", "", version["minor"]))

    @property
    def _policy(self) -> str:
        return "v1" if self._minor >= _POLICY_V1_SINCE else "v1beta1"

    def _read(self, path: str, doing: str) -> Json | None:
        try:
            return self._call("GET", path, doing)
        except NotFoundError:
            return None

    def _list(self, path: str, doing: str, selector: str = "") -> list[Json]:
        items: list[Json] = []
        token = ""
        while True:
            query = "&".join(filter(None, (f"limit={_PAGE}", selector, token and f"continue={token}")))
            page = self._call("GET", f"{path}?{query}", doing)
            items += page.get("items") or []
            token = page.get("metadata", {}).get("continue") or ""
            if not token:
                return items

    def _patch(self, path: str, body: Json, doing: str) -> None:
        self._call("PATCH", f"{path}?fieldManager={FIELD_MANAGER}", doing, body)

    def _call(self, method: str, path: str, doing: str, body: Json | None = None) -> Json:
        """Plain JSON: the client's classes know only the API versions of its own time, and refuse nulls that
        older servers send."""
        from kubernetes.client.exceptions import ApiException

        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Accept": "application/json", "Content-Type": kind}
        with translated(doing):
            response = self._api.call_api(
                method,
                self._api.configuration.host + path,
                header_params=headers,
                body=body,
                _request_timeout=REQUEST_SECONDS,
            )
            text = response.read().decode()  # type: ignore[no-untyped-call]
            if not 200 <= response.status < 300:
                raise ApiException.from_response(http_resp=response, body=text, data=None)
        answer: Json = json.loads(text)
        return answer


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

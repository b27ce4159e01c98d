"""From a running machine to a node: what masters, workers and healed machines share."""

from functools import partial

from activities.bootstrap import Bootstrap, node_name
from activities.clients import Clients
from activities.commands import carry_out
from activities.parallel import side_by_side
from activities.tasks import HandoverTask, NodeTask
from wdrip import names
from wdrip.models.node_pool import NodePoolSpec
from wdrip.nodes import operations
from wdrip.nodes.kubeadm import JoinInput, NodeIdentity, join_config
from wdrip.nodes.operations import NodeOperation


class Joining:
    """Carries out the operations of a join. Each is idempotent on the machine itself."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._bootstrap = Bootstrap(clients)

    def prepare(self, node: NodeTask, secrets_key: str = "") -> None:
        """Install the software, and put the keys of its role on the machine: the cluster's own, or those
        under another key of the bucket."""
        self._bootstrap.install_package(node)
        certificate = self._bootstrap.prepare_identity(node)
        self._bootstrap.hand_over_secrets(
            HandoverTask(
                record=node.record, machine=node.machine, certificate=certificate, secrets_key=secrets_key
            )
        )

    def join_control_plane(self, node: NodeTask) -> None:
        """`kubeadm join` as a master, and the pod network. The keys are handed over anew: what the machine
        shows the API server holds for an hour."""
        self.prepare(node)
        config = join_config(JoinInput(self._version(node), _identity(node, None), control_plane=True))
        self._join(
            node,
            operations.join_control_plane(
                config,
                node_name(node),
                names.endpoint_name(node.record.name),
                node.record.endpoints.private,
                node.machine.private_ip,
            ),
        )

    def join_worker(self, node: NodeTask, pool: str, spec: NodePoolSpec) -> None:
        """Install and `kubeadm join` as a worker of a pool, and the pod network."""
        self.prepare(node)
        config = join_config(
            JoinInput(self._version(node), _identity(node, (pool, spec)), control_plane=False)
        )
        self._join(
            node,
            operations.join_worker(
                config,
                node_name(node),
                names.endpoint_name(node.record.name),
                node.record.endpoints.private,
            ),
        )

    def run(self, node: NodeTask, operation: NodeOperation) -> str:
        """Carry an operation out on the machine; its output."""
        return carry_out(self._clients.ecs(node.record.provider), node.machine.instance_id, operation)

    def _join(self, node: NodeTask, join: NodeOperation) -> None:
        """The kubelet reports a Node that has its network at once, and one that lacks it some ten seconds
        later: so the network is prepared meanwhile."""
        name, pod_cidr = node_name(node), str(node.record.config.network.podcidr)
        prepared = operations.configure_pod_network(name, pod_cidr, deadline_seconds=0)
        side_by_side([partial(self.run, node, join), partial(self.run, node, prepared)], 2)
        self.run(node, operations.configure_pod_network(name, pod_cidr))

    def _version(self, node: NodeTask) -> str:
        versions = node.record.actual or node.record.asked
        return f"v{versions.kubernetes.removeprefix('v')}"


def _identity(node: NodeTask, pool: tuple[str, NodePoolSpec] | None) -> NodeIdentity:
    """How the machine enters the cluster; of a pool, with what the pool's spec says of its Nodes."""
    name, spec = pool or ("", None)
    return NodeIdentity(
        name=node_name(node),
        ip=node.machine.private_ip,
        provider_id=names.provider_id(node.record.region, node.machine.instance_id),
        kubelet_arguments=spec.kubelet_arguments if spec else {},
        labels={**spec.labels, names.TAG_NODE_POOL: name} if spec else {},
        taints=tuple(spec.taints) if spec and spec.taints else None,
    )

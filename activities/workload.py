"""What a cluster's API tells: Nodes, wdrip's own objects, and what runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wdrip.clients import cluster_objects as objects
from wdrip.clients.kubernetes import ClusterApi
from wdrip.errors import InvalidInput
from wdrip.models.observation import MasterSetState, NodePoolState, NodeState
from wdrip.models.workload import BudgetState, NodeRoom, PodState


@dataclass(frozen=True)
class ApiView:
    """One look at the API. The long lists stay inside the activity."""

    nodes: tuple[NodeState, ...]
    master_set: MasterSetState | None
    node_pools: tuple[NodePoolState, ...]
    """Those whose spec this wdrip understands."""
    raw_nodes: tuple[dict[str, Any], ...]
    pods: tuple[PodState, ...]
    budgets: tuple[BudgetState, ...]

    def rooms(self, pools: Mapping[str, str]) -> tuple[NodeRoom, ...]:
        """The Nodes as the scheduler sees them; `pools`: name of a Node to its pool."""
        return tuple(
            objects.node_room(each, pools.get(each["metadata"]["name"], "")) for each in self.raw_nodes
        )


def read_api(api: ClusterApi) -> ApiView:
    """Read everything. Raises what the client raises."""
    leases = {each["metadata"]["name"]: objects.lease_renewal(each) for each in api.list_node_leases()}
    raw_nodes = tuple(api.list_nodes())
    master_set = api.master_set()
    return ApiView(
        nodes=tuple(objects.node_state(each, leases.get(each["metadata"]["name"])) for each in raw_nodes),
        master_set=objects.master_set_state(master_set) if master_set else None,
        node_pools=_pools(api),
        raw_nodes=raw_nodes,
        pods=tuple(objects.pod_state(each) for each in api.list_pods()),
        budgets=tuple(objects.budget_state(each) for each in api.list_budgets()),
    )


def _pools(api: ClusterApi) -> tuple[NodePoolState, ...]:
    pools = []
    for each in api.node_pools():
        try:
            pools.append(objects.node_pool_state(each))
        except InvalidInput:
            # Written under another version of the definition. Its machines are left alone, as strays are.
            continue
    return tuple(pools)

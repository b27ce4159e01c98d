"""One look at a cluster, through every door that is open."""

from datetime import UTC, datetime

from temporalio import activity

from activities.access import cluster_api
from activities.backends import backends_of
from activities.clients import Clients
from activities.fleet import fleet
from activities.membership import read_members
from activities.outlooks import outlooks
from activities.tasks import Observed, ObserveTask
from activities.workload import ApiView, read_api
from wdrip.clients.ros import Stack
from wdrip.errors import PermanentError, TemporaryError, WdripError
from wdrip.infrastructure.template import outputs_of
from wdrip.models.cluster import ClusterRecord
from wdrip.models.observation import ClusterObservation, Health

API_TRIES = 3
"""New connections to the API server before it counts as away: one sick master of three behind the load
balancer fails every third, and patience with Nodes would begin anew each time."""


class Observation:
    """Looks at machines, etcd, Nodes, wdrip's own objects and the load balancer."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def observe(self, task: ObserveTask) -> Observed:
        """Look at everything; what cannot be read is None or unknown, never empty.

        Raises TemporaryError only when ECS does not list the machines: without them nothing can be judged.
        """
        record = task.record
        ecs = self._clients.ecs(record.provider)
        machines = fleet(ecs, record)
        stack = self._stack(record)
        api, view = self._api(record)
        observation = ClusterObservation(
            at=datetime.now(UTC),
            api=api,
            machines=machines,
            nodes=view.nodes if view else None,
            members=read_members(ecs, machines),
            master_set=view.master_set if view else None,
            node_pools=view.node_pools if view else None,
            backends=backends_of(stack) if stack else None,
        )
        return Observed(
            observation=observation,
            outlooks=outlooks(ecs, task, observation, view) if view else {},
            vswitch_ids=outputs_of(stack.stack_id, stack.outputs).vswitch_ids if stack else {},
        )

    def _api(self, record: ClusterRecord) -> tuple[Health, ApiView | None]:
        for _ in range(API_TRIES):
            try:
                with cluster_api(self._clients, record) as api:
                    return Health.HEALTHY, read_api(api)
            except TemporaryError:
                continue
            except PermanentError:
                # It answers, but refuses, or the secrets are gone: that says nothing of its health.
                return Health.UNKNOWN, None
        return Health.UNHEALTHY, None

    def _stack(self, record: ClusterRecord) -> Stack | None:
        try:
            stack = self._clients.ros(record.provider).stack(record.stack_id)
        except WdripError:
            return None
        return None if stack is None or stack.deleted or not stack.outputs else stack

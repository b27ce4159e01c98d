"""The cluster's own API, reached through its public endpoint."""

from temporalio import activity

from activities.access import cluster_api
from activities.bootstrap import node_name
from activities.clients import Clients
from activities.tasks import NodeTask
from activities.waiting import Look, wait_for
from wdrip.errors import TemporaryError
from wdrip.models import resources
from wdrip.models.cluster import ClusterRecord


class Kubernetes:
    """Looks at the cluster's nodes and defines wdrip's own kinds in it."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def await_node_ready(self, task: NodeTask) -> None:
        """Wait until the machine's Node is Ready, seen through the public endpoint as a person will."""
        name = node_name(task)

        def ready() -> bool | Look:
            try:
                node = api.node(name)
            except TemporaryError as error:
                # The load balancer may still be finding out that the API server is healthy.
                return Look(seen=str(error))
            if node is None:
                return Look(seen="not registered yet")
            return node.ready or Look(seen=node.reason or "no Ready condition yet")

        with cluster_api(self._clients, task.record) as api:
            wait_for(f"node {name} to be Ready", ready, "see the machine's logs")

    @activity.defn(no_thread_cancel_exception=True)
    def define_objects(self, record: ClusterRecord) -> None:
        """Define MasterSet and NodePool and create the default objects; what a person changed stays."""
        definitions = (resources.master_set_definition(), resources.node_pool_definition())
        with cluster_api(self._clients, record) as api:
            for definition in definitions:
                api.apply_definition(definition)

            def established() -> bool | Look:
                missing = [
                    name for each in definitions if not api.is_established(name := each["metadata"]["name"])
                ]
                return not missing or Look(seen=f"not served yet: {', '.join(missing)}")

            wait_for("MasterSet and NodePool to be served", established, "see the API server's log")
            api.create_if_missing("mastersets", resources.master_set())
            api.create_if_missing("nodepools", resources.default_node_pool())

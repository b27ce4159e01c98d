"""The cloud-side checks of a create: what can be refused before anything is made."""

from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.clients import Clients
from activities.packages import read_index
from activities.tasks import Validated
from wdrip import names
from wdrip.clients.errors import NotFoundError
from wdrip.clients.oss import Bucket
from wdrip.clients.ros import RosClient
from wdrip.errors import InvalidInput, UnreachableError
from wdrip.models.cluster import CreateRequest
from wdrip.planning import offers
from wdrip.planning.versions import choose_package

PATIENCE = timedelta(seconds=5)
"""How long a cloud that cannot be reached is tried: a person waits, and nothing has been made yet."""


class Validation:
    """Asks the cloud whether a configuration can be built."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def validate_cluster(self, request: CreateRequest) -> Validated:
        """Check credentials, place, image, machine and disk type, bucket, name and package.

        Makes the bucket, private, when there is none. Raises InvalidInput with field, problem and remedy.
        """
        try:
            return self._validated(request)
        except UnreachableError as error:
            if datetime.now(UTC) - activity.info().scheduled_time < PATIENCE:
                raise
            raise error.refusal() from error

    def _validated(self, request: CreateRequest) -> Validated:
        config, provider = request.config, self._clients.provider(request.provider)
        offers.require_region(config, provider.region)
        ecs = self._clients.ecs(request.provider)
        try:
            zones = ecs.zones()
        except NotFoundError:
            raise InvalidInput(
                "iaas.region", f"there is no region {config.iaas.region}", "write one such as cn-hangzhou"
            ) from None
        offers.require_instance_type(config, ecs.instance_type(config.iaas.instance))
        offers.require_zones(config, zones)
        offers.require_image(config, ecs.image(config.iaas.image))
        bucket = self._clients.bucket(request.provider)
        bucket.ensure()
        _require_free_name(config.clusterid, bucket, self._clients.ros(request.provider))
        choice = choose_package(config, read_index(bucket).packages, provider.version_policy)
        return Validated(
            asked=choice.asked, actual=choice.actual, package=choice.package.name, notes=choice.notes
        )


def _require_free_name(cluster: str, bucket: Bucket, ros: RosClient) -> None:
    if bucket.get(names.cluster_key(cluster)) is not None:
        raise InvalidInput(
            "clusterid",
            f"cluster {cluster} already exists in bucket {bucket.name}",
            f"choose another name, or `wdrip delete -n {cluster}` first",
        )
    if ros.find_stack(names.stack_name(cluster)):
        raise InvalidInput(
            "clusterid",
            f"there is a ROS stack {cluster} that no cluster in the index owns",
            "delete the stack in the ROS console, or choose another name",
        )

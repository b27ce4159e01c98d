"""What of a cluster is still in the cloud: everything that could be billed or found by the next one."""

from tests.e2e.stack import Stack
from wdrip import names
from wdrip.clients.ecs import EcsClient
from wdrip.clients.oss import Bucket
from wdrip.clients.ros import RosClient


def machines(stack: Stack, cluster: str) -> list[str]:
    """Ids of the machines that carry the cluster's tag."""
    return [
        each.instance_id for each in EcsClient(stack.provider).instances(tags={names.TAG_CLUSTER: cluster})
    ]


def assert_nothing_left(stack: Stack, cluster: str) -> None:
    """Neither machine nor stack nor object of the cluster."""
    left = machines(stack, cluster)
    assert left == [], left
    assert RosClient(stack.provider).find_stack(names.stack_name(cluster)) is None
    bucket = Bucket(stack.provider)
    kept = [each.key for each in bucket.list(f"{names.BUCKET_PREFIX}/")]
    assert [key for key in kept if cluster in key or key.startswith(names.TRANSIT_PREFIX)] == []

"""Starting a master's machine in the network of the cluster's stack."""

from collections.abc import Mapping

from activities.clients import Clients
from activities.fleet import cluster_tags
from wdrip.errors import PermanentError
from wdrip.infrastructure.template import outputs_of
from wdrip.models.cluster import ClusterRecord, InfrastructureOutputs


def read_outputs(clients: Clients, record: ClusterRecord) -> InfrastructureOutputs:
    """What the cluster's stack gives to its machines. Raises PermanentError when the stack is gone."""
    stack = clients.ros(record.provider).stack(record.stack_id)
    if stack is None or stack.deleted:
        raise PermanentError(f"stack {record.stack_id} is gone; without it there is no network")
    return outputs_of(stack.stack_id, stack.outputs)


def run_master(
    clients: Clients,
    record: ClusterRecord,
    outputs: InfrastructureOutputs,
    zone_id: str,
    tags: Mapping[str, str],
    client_token: str,
) -> str:
    """Ask for a master's machine in that zone, with the cluster's own tags besides `tags`; its instance id.

    The same client token gives the same machine. Raises what `EcsClient.run_instance` raises.
    """
    iaas = record.config.iaas
    return clients.ecs(record.provider).run_instance(
        name=f"{record.name}-master-{client_token[:8]}",
        image_id=iaas.image,
        type_id=iaas.instance,
        zone_id=zone_id,
        vswitch_id=outputs.vswitch_ids[zone_id],
        security_group_id=outputs.security_group_id,
        disk_type=iaas.disk.type,
        disk_gigabytes=iaas.disk.gigabytes,
        role_name=outputs.master_role,
        tags={**cluster_tags(record), **tags},
        client_token=client_token,
    )

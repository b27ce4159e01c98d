"""Which machines stand behind the API server's load balancer: a parameter of the cluster's stack."""

from collections.abc import Sequence

from activities.waiting import Look, wait_for
from wdrip import names
from wdrip.clients.errors import NothingToChangeError
from wdrip.clients.ros import RosClient, Stack
from wdrip.errors import PermanentError
from wdrip.infrastructure.template import stack_parameters, stack_template
from wdrip.models.cluster import ClusterRecord

PARAMETER = "MasterInstanceIds"

_LOOK_AT_STACK = "look at the stack's events in the ROS console"


def backends_of(stack: Stack) -> tuple[str, ...] | None:
    """The instance ids behind the load balancer; None while that changes, or was left half-way."""
    if stack.in_progress or stack.status.endswith("_FAILED") or PARAMETER not in stack.parameters:
        return None
    return tuple(each for each in stack.parameters[PARAMETER].split(",") if each)


def put_behind(ros: RosClient, record: ClusterRecord, instance_ids: Sequence[str], attempt_id: str) -> None:
    """Have exactly these machines behind the load balancer, and wait until it is so.

    The client token comes of the attempt, not of the wanted machines alone: ROS remembers a token, and the
    same set may be wanted again after another. Raises PermanentError when the stack cannot be updated.
    """
    _settled(ros, record)
    try:
        ros.update_parameters(
            record.stack_id,
            stack_template(record.config),
            stack_parameters(record.name, list(instance_ids)),
            names.client_token(record.uid, f"backends/{attempt_id}"),
        )
    except NothingToChangeError:
        return
    stack = _settled(ros, record)
    if not stack.created:
        reasons = "; ".join(ros.failures(record.stack_id)) or stack.reason
        raise PermanentError(f"stack {stack.name}: {stack.status}: {reasons}; {_LOOK_AT_STACK}")


def _settled(ros: RosClient, record: ClusterRecord) -> Stack:
    """The stack when nothing is under way in it."""

    def settled() -> Stack | Look:
        stack = ros.stack(record.stack_id)
        if stack is None or stack.deleted:
            raise PermanentError(f"stack {record.stack_id} is gone; without it there is no load balancer")
        return Look(seen=stack.status) if stack.in_progress else stack

    return wait_for(f"stack {record.stack_id} to be updated", settled, _LOOK_AT_STACK)

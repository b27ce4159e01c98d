"""The cluster's ROS stack: network, load balancer, roles, and which machines stand behind the balancer."""

import hashlib

from temporalio import activity

from activities.clients import Clients
from activities.tasks import BackendsTask
from activities.waiting import Look, wait_for
from wdrip import names
from wdrip.clients.errors import AlreadyExistsError, NothingToChangeError
from wdrip.clients.ros import RosClient, Stack
from wdrip.errors import PermanentError
from wdrip.infrastructure.template import outputs_of, stack_parameters, stack_template
from wdrip.models.cluster import ClusterRecord, InfrastructureOutputs

_LOOK_AT_STACK = "look at the stack's events in the ROS console, then create the cluster anew"


class Infrastructure:
    """Creates, changes and deletes the stack. Client tokens make every call safe to repeat."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def create_stack(self, record: ClusterRecord) -> str:
        """Ask for the stack; returns its id.

        Raises PermanentError when another stack has the name.
        """
        ros = self._clients.ros(record.provider)
        name = names.stack_name(record.name)
        try:
            return ros.create_stack(
                name,
                stack_template(record.config),
                stack_parameters(record.name),
                names.client_token(record.uid, "create-stack"),
                {names.TAG_CLUSTER: record.name, names.TAG_CLUSTER_UID: record.uid},
            )
        except AlreadyExistsError:
            # Perhaps an earlier attempt's, whose token the service has forgotten.
            found = _own_stack(ros, record)
            if found:
                return found.stack_id
            raise PermanentError(
                f"ROS stack {name} exists and is not this cluster's; delete it, or choose another name"
            ) from None

    @activity.defn(no_thread_cancel_exception=True)
    def await_stack(self, record: ClusterRecord) -> InfrastructureOutputs:
        """Wait until the stack is complete; raise PermanentError with its own reasons when it failed."""
        stack = self._await(self._clients.ros(record.provider), record.stack_id)
        return outputs_of(stack.stack_id, stack.outputs)

    @activity.defn(no_thread_cancel_exception=True)
    def set_backends(self, task: BackendsTask) -> None:
        """Let exactly these machines stand behind the load balancer, and wait until they do."""
        ros = self._clients.ros(task.record.provider)
        stack = ros.stack(task.stack_id)
        if stack is None or not stack.in_progress:
            wanted = ",".join(sorted(task.instance_ids))
            try:
                ros.update_parameters(
                    task.stack_id,
                    stack_template(task.record.config),
                    stack_parameters(task.record.name, task.instance_ids),
                    names.client_token(task.record.uid, f"backends/{_digest(wanted)}"),
                )
            except NothingToChangeError:
                return
        self._await(ros, task.stack_id)

    @activity.defn(no_thread_cancel_exception=True)
    def delete_stack(self, record: ClusterRecord) -> None:
        """Delete the cluster's stack and wait until it is gone; none there counts as deleted."""
        ros = self._clients.ros(record.provider)
        stack = _own_stack(ros, record)
        if stack is None:
            return

        def gone() -> bool | Look:
            now = ros.stack(stack.stack_id)
            if now is None or now.deleted:
                return True
            if now.status == "DELETE_FAILED":
                raise PermanentError(f"stack {now.name}: {_why(ros, now)}")
            return Look(seen=now.status)

        ros.delete_stack(stack.stack_id)
        wait_for(f"stack {stack.name} to be gone", gone, "look at the stack's events in the ROS console")

    def _await(self, ros: RosClient, stack_id: str) -> Stack:
        def complete() -> Stack | Look:
            stack = ros.stack(stack_id)
            if stack is None:
                raise PermanentError(
                    f"stack {stack_id} is gone; somebody deleted it; create the cluster anew"
                )
            if stack.created:
                return stack
            if not stack.in_progress:
                raise PermanentError(f"stack {stack.name}: {_why(ros, stack)}")
            resources = ros.resources(stack_id)
            done = sum(resource.status.endswith("_COMPLETE") for resource in resources)
            return Look(seen=f"{stack.status}, {done} of {len(resources)} resources complete")

        return wait_for(f"stack {stack_id} to be complete", complete, _LOOK_AT_STACK)


def _own_stack(ros: RosClient, record: ClusterRecord) -> Stack | None:
    """The stack that was made for this very cluster, not for another of the same name."""
    stack_id = record.stack_id or ros.find_stack(names.stack_name(record.name))
    stack = ros.stack(stack_id) if stack_id else None
    if stack is None or stack.deleted or stack.tags.get(names.TAG_CLUSTER_UID) != record.uid:
        return None
    return stack


def _why(ros: RosClient, stack: Stack) -> str:
    failures = ros.failures(stack.stack_id)
    return f"{stack.status}: {'; '.join(failures) or stack.reason}; {_LOOK_AT_STACK}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

"""The product's own template from create to delete: it runs because it is right."""

from __future__ import annotations

from localcloud.network.interfaces import Interfaces
from tests.localcloud.ros.stacks import Ros
from tests.world.guide import guide_config
from wdrip.infrastructure.template import outputs_of, stack_parameters, stack_template

_MACHINES = ("i-1", "i-2")


def test_a_cluster_s_stack_lives_and_dies(ros: Ros) -> None:
    body = stack_template(guide_config("k1"))
    ros.validate(body)

    stack = ros.made(body, stack_parameters("k1"))

    outputs = outputs_of(stack.stack_id, ros.outputs(stack.stack_id))
    (balancer,) = ros.fabric.balancers.values()
    assert outputs.load_balancer_id == balancer.id
    assert balancer.addresses == (outputs.private_endpoint,)
    assert balancer.public == (outputs.public_endpoint,)
    assert [each.port for each in balancer.listeners] == [6443]

    interfaces = Interfaces(ros.store)
    for machine in _MACHINES:
        interfaces.reserve(machine, ros.store.list("vswitch")[0])
    for behind in (_MACHINES[:1], _MACHINES, _MACHINES[1:], ()):
        ros.update(stack.stack_id, body, stack_parameters("k1", behind))
        settled = ros.settled(stack.stack_id)
        assert settled.status == "UPDATE_COMPLETE", settled.status_reason
        (balancer,) = ros.fabric.balancers.values()
        assert tuple(sorted(each.id for each in balancer.servers)) == behind

    for machine in _MACHINES:
        interfaces.release(machine)
    ros.delete(stack.stack_id)
    assert ros.settled(stack.stack_id).status == "DELETE_COMPLETE"
    for kind in ("vpc", "vswitch", "eip", "nat_gateway", "snat_entry", "load_balancer", "security_group"):
        assert ros.store.list(kind) == []
    assert ros.store.list("ram-role") == []

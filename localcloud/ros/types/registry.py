"""All resource types by name."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.core.errors import ApiError
from localcloud.ros.signals import Signals
from localcloud.ros.types.backend_server_attachment import BackendServerAttachment
from localcloud.ros.types.base import ResourceType, Services
from localcloud.ros.types.eip import Eip
from localcloud.ros.types.eip_association import EipAssociation
from localcloud.ros.types.listener import Listener
from localcloud.ros.types.load_balancer import LoadBalancer
from localcloud.ros.types.managed_policy import AttachPolicyToRole, ManagedPolicy
from localcloud.ros.types.nat_gateway import NatGateway
from localcloud.ros.types.role import Role
from localcloud.ros.types.security_group import SecurityGroup
from localcloud.ros.types.security_group_rule import SecurityGroupEgress, SecurityGroupIngress
from localcloud.ros.types.snat_entry import EcsSnatEntry, SnatEntry
from localcloud.ros.types.vpc import Vpc
from localcloud.ros.types.vswitch import VSwitch
from localcloud.ros.types.wait_condition import WaitCondition, WaitConditionHandle

_PLAIN: tuple[type[ResourceType], ...] = (
    AttachPolicyToRole,
    BackendServerAttachment,
    EcsSnatEntry,
    Eip,
    EipAssociation,
    Listener,
    LoadBalancer,
    ManagedPolicy,
    NatGateway,
    Role,
    SecurityGroup,
    SecurityGroupEgress,
    SecurityGroupIngress,
    SnatEntry,
    VSwitch,
    Vpc,
)


class Registry:
    """The types that this cloud emulates."""

    def __init__(self, services: Services, signals: Signals) -> None:
        made: list[ResourceType] = [each(services) for each in _PLAIN]
        made += [WaitCondition(services, signals), WaitConditionHandle(services, signals)]
        self._types: Mapping[str, ResourceType] = {each.name: each for each in made}

    def find(self, name: str) -> ResourceType:
        """The type of that name. Raises StackValidationFailed, as ROS does for a type it does not know."""
        found = self._types.get(name)
        if found is None:
            raise ApiError(400, "StackValidationFailed", f"Unknown resource Type : {name}")
        return found

"""The ROS template of a cluster: network, way out, API server's load balancer, roles.

Machines are not in it: ECS owns them. Which of them stand behind the load balancer is the parameter
`MasterInstanceIds`, changed by UpdateStack. The template needs nothing but its parameters, so it also works
by hand in the ROS console.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from wdrip import names
from wdrip.models.cluster import InfrastructureOutputs
from wdrip.models.cluster_config import ClusterConfig
from wdrip.planning.vswitches import vswitch_ranges

API_PORT = 6443
"""Port of the API server on machines and on the load balancer (kubeadm's default)."""

EIP_BANDWIDTH = 100
"""Mbit/s ceiling of the public addresses. They are billed by traffic, so the ceiling itself costs nothing."""

_ROLE_NAME_LENGTH = 64
"""Most characters of a role's name (RAM CreateRole)."""

_TRUST_ECS = {
    "Version": "1",
    "Statement": [
        {
            "Action": "sts:AssumeRole",
            "Effect": "Allow",
            "Principal": {"Service": ["ecs.aliyuncs.com"]},
        }
    ],
}


def stack_template(config: ClusterConfig) -> dict[str, Any]:
    """The template of the cluster, as the mapping that goes to CreateStack as JSON."""
    return {
        "ROSTemplateFormatVersion": "2015-09-01",
        "Description": "wdrip: network, load balancer and roles of a self-managed Kubernetes cluster",
        "Parameters": {
            "ClusterName": {
                "Type": "String",
                "Description": "Name of the cluster; part of every resource's name",
            },
            "MasterInstanceIds": {
                "Type": "String",
                "Default": "",
                "Description": "Instance ids of the masters behind the API server's load balancer, by commas",
            },
        },
        "Conditions": {"HasMasters": {"Fn::Not": {"Fn::Equals": [_ref("MasterInstanceIds"), ""]}}},
        "Resources": {
            **_network(config),
            **_way_out(config),
            **_load_balancer(config),
            **_roles(config.clusterid),
        },
        "Outputs": _outputs(config),
    }


def stack_parameters(cluster: str, master_ids: Iterable[str] = ()) -> dict[str, str]:
    """Parameter values of the stack of `cluster` when exactly `master_ids` stand behind the load balancer."""
    return {"ClusterName": cluster, "MasterInstanceIds": ",".join(sorted(master_ids))}


def outputs_of(stack_id: str, outputs: Mapping[str, Any]) -> InfrastructureOutputs:
    """The finished stack's outputs (`OutputKey` to `OutputValue`) as a model. Raises KeyError when one is
    missing."""
    return InfrastructureOutputs(
        stack_id=stack_id,
        vpc_id=outputs["VpcId"],
        vswitch_ids=outputs["VSwitchIds"],
        security_group_id=outputs["SecurityGroupId"],
        load_balancer_id=outputs["LoadBalancerId"],
        public_endpoint=outputs["PublicEndpoint"],
        private_endpoint=outputs["PrivateEndpoint"],
        master_role=outputs["MasterRole"],
        worker_role=outputs["WorkerRole"],
    )


def _resource(kind: str, properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"Type": f"ALIYUN::{kind}", "Properties": dict(properties), **more}


def _ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def _attribute(resource: str, name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [resource, name]}


def _name(suffix: str) -> dict[str, list[Any]]:
    return {"Fn::Join": ["-", [_ref("ClusterName"), suffix]]}


def _tags() -> list[dict[str, Any]]:
    return [{"Key": names.TAG_CLUSTER, "Value": _ref("ClusterName")}]


def _vswitch(zone: str) -> str:
    """Logical id of a zone's vSwitch: letters and digits only."""
    return "VSwitch" + "".join(character for character in zone.title() if character.isalnum())


def _network(config: ClusterConfig) -> dict[str, Any]:
    iaas = config.iaas
    ranges = vswitch_ranges(iaas.vpccidr, iaas.all_zones)
    vswitches = {
        _vswitch(zone): _resource(
            "ECS::VSwitch",
            {
                "VpcId": _ref("Vpc"),
                "ZoneId": zone,
                "CidrBlock": str(ranges[zone]),
                "VSwitchName": _name(zone),
                "Tags": _tags(),
            },
        )
        for zone in iaas.all_zones
    }
    # Between machines everything is open, and pods talk from their own addresses; from outside nothing is.
    ingress = [
        {
            "IpProtocol": "all",
            "PortRange": "-1/-1",
            "SourceCidrIp": str(cidr),
            "NicType": "intranet",
            "Policy": "accept",
            "Priority": 1,
        }
        for cidr in (iaas.vpccidr, config.network.podcidr)
    ] + [
        {
            "IpProtocol": "tcp",
            "PortRange": f"{API_PORT}/{API_PORT}",
            # A layer-4 load balancer keeps the client's address, so the public endpoint needs all sources.
            "SourceCidrIp": "0.0.0.0/0",
            "NicType": "intranet",
            "Policy": "accept",
            "Priority": 1,
        }
    ]
    return {
        "Vpc": _resource(
            "ECS::VPC", {"VpcName": _ref("ClusterName"), "CidrBlock": str(iaas.vpccidr), "Tags": _tags()}
        ),
        **vswitches,
        "SecurityGroup": _resource(
            "ECS::SecurityGroup",
            {
                "VpcId": _ref("Vpc"),
                "SecurityGroupName": _ref("ClusterName"),
                "SecurityGroupType": "normal",
                "SecurityGroupIngress": ingress,
                "Tags": _tags(),
            },
        ),
    }


def _way_out(config: ClusterConfig) -> dict[str, Any]:
    vswitches = [_vswitch(zone) for zone in config.iaas.all_zones]
    return {
        "NatGateway": _resource(
            "VPC::NatGateway",
            {
                "VpcId": _ref("Vpc"),
                "VSwitchId": _ref(vswitches[0]),
                "NatGatewayName": _name("nat"),
                "NatType": "Enhanced",
                "NetworkType": "internet",
                "InternetChargeType": "PayByLcu",
                "Tags": _tags(),
            },
        ),
        "NatAddress": _address("nat"),
        "NatAddressAssociation": _resource(
            "VPC::EIPAssociation",
            {"AllocationId": _ref("NatAddress"), "InstanceId": _ref("NatGateway")},
        ),
        "SnatEntry": _resource(
            "VPC::SnatEntry",
            {
                "SnatTableId": _attribute("NatGateway", "SNatTableId"),
                "SnatIp": _attribute("NatAddress", "EipAddress"),
                "SourceVSwitchIds": [_ref(vswitch) for vswitch in vswitches],
            },
            # ROS sees no reference to the association, but VPC refuses an address that is not bound yet.
            DependsOn=["NatAddressAssociation"],
        ),
    }


def _load_balancer(config: ClusterConfig) -> dict[str, Any]:
    return {
        "ApiLoadBalancer": _resource(
            "SLB::LoadBalancer",
            {
                "LoadBalancerName": _name("apiserver"),
                "AddressType": "intranet",
                "VpcId": _ref("Vpc"),
                "VSwitchId": _ref(_vswitch(config.iaas.zoneid)),
                # Pay-by-specification load balancers are not sold any more (since 2025-06-01).
                "InstanceChargeType": "PayByCLCU",
                "Tags": _tags(),
            },
        ),
        "ApiListener": _resource(
            "SLB::Listener",
            {
                "LoadBalancerId": _ref("ApiLoadBalancer"),
                "Protocol": "tcp",
                "ListenerPort": API_PORT,
                "BackendServerPort": API_PORT,
                "Bandwidth": -1,
                "Scheduler": "wrr",
                # The shortest that SLB allows: a dead API server is left out after about 6 s.
                "HealthCheck": {
                    "HealthCheckType": "tcp",
                    "Port": API_PORT,
                    "Interval": 2,
                    "Timeout": 2,
                    "HealthyThreshold": 2,
                    "UnhealthyThreshold": 3,
                },
            },
        ),
        "ApiBackends": _resource(
            "SLB::BackendServerAttachment",
            {
                "LoadBalancerId": _ref("ApiLoadBalancer"),
                "BackendServerList": {"Fn::Split": [",", _ref("MasterInstanceIds")]},
                "BackendServerWeightList": [100],
            },
            Condition="HasMasters",
            DependsOn=["ApiListener"],
        ),
        "ApiAddress": _address("apiserver"),
        "ApiAddressAssociation": _resource(
            "VPC::EIPAssociation",
            {"AllocationId": _ref("ApiAddress"), "InstanceId": _ref("ApiLoadBalancer")},
        ),
    }


def _address(suffix: str) -> dict[str, Any]:
    return _resource(
        "VPC::EIP",
        {
            "Name": _name(suffix),
            "Bandwidth": EIP_BANDWIDTH,
            "InternetChargeType": "PayByTraffic",
            "InstanceChargeType": "Postpaid",
            "Tags": _tags(),
        },
    )


def _role_name(cluster: str, role: str) -> str:
    """Unique in the account; of a cluster's name too long for it, a hash stands for the end."""
    name = f"{cluster}-{role}-role"
    if len(name) <= _ROLE_NAME_LENGTH:
        return name
    digest = hashlib.sha256(cluster.encode()).hexdigest()[:8]
    return f"{cluster[: _ROLE_NAME_LENGTH - len(name) + len(cluster) - 9]}-{digest}-{role}-role"


def _roles(cluster: str) -> dict[str, Any]:
    return {
        f"Kubernetes{role.title()}Role": _resource(
            "RAM::Role",
            {
                # Role names are one space for the whole account, so the cluster's name is part of them.
                "RoleName": _role_name(cluster, role),
                "Description": f"Machines of a wdrip cluster: {role}",
                "AssumeRolePolicyDocument": _TRUST_ECS,
                "DeletionForce": True,
            },
        )
        for role in (names.ROLE_MASTER, names.ROLE_WORKER)
    }


def _outputs(config: ClusterConfig) -> dict[str, Any]:
    values: dict[str, Any] = {
        "VpcId": _ref("Vpc"),
        "VSwitchIds": {zone: _ref(_vswitch(zone)) for zone in config.iaas.all_zones},
        "SecurityGroupId": _ref("SecurityGroup"),
        "LoadBalancerId": _ref("ApiLoadBalancer"),
        "PublicEndpoint": _attribute("ApiAddress", "EipAddress"),
        "PrivateEndpoint": _attribute("ApiLoadBalancer", "IpAddress"),
        "MasterRole": _attribute("KubernetesMasterRole", "RoleName"),
        "WorkerRole": _attribute("KubernetesWorkerRole", "RoleName"),
    }
    return {key: {"Value": value} for key, value in values.items()}

"""The cluster configuration that a person gives to `wdrip create --config`."""

import re
from ipaddress import IPv4Network, ip_address
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
    model_validator,
)

from wdrip.models.backup import BackupPolicy
from wdrip.models.quorum_loss import QuorumLossPolicy
from wdrip.models.reading import Document, Whole, read_yaml, refuse
from wdrip.planning import cidrs

MASTERS_EXPECTED = 7
"""The most masters that the guide advises; the pod range must have room for them."""

KUBEADM_TOKEN = re.compile(r"[a-z0-9]{6}\.[a-z0-9]{16}")
"""The form of a bootstrap token (Kubernetes: `bootstrap.kubernetes.io/token`)."""

DISK_TYPES = (
    "cloud_essd",
    "cloud_efficiency",
    "cloud_ssd",
    "cloud_auto",
    "cloud_essd_entry",
    "cloud",
    "ephemeral_ssd",
)
"""Categories of system disk (ECS RunInstances, `SystemDisk.Category`). Not every zone sells each."""

_DISK_GIGABYTES = range(20, 2049)
"""Sizes of a system disk that every category but its smallest performance levels allows (RunInstances)."""

_NODE_MASKS = range(17, 29)
"""/28 leaves a node 13 pod addresses, about the least that a node with daemons can live with."""

_SERVICE_PREFIXES = range(12, 29)
"""The API server refuses ranges of more than 2^20 addresses; DNS takes the tenth address."""

_VPC_PREFIXES = range(8, 25)
"""A VPC is /8 to /28; below /24 there is no room for a vSwitch per zone."""


def _matching(pattern: str, problem: str, remedy: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise refuse(problem, remedy)
        return value

    return AfterValidator(check)


def _range(value: object) -> IPv4Network:
    if isinstance(value, IPv4Network):
        return value
    remedy = "write an IPv4 range such as 172.16.0.0/16"
    if not isinstance(value, str):
        raise refuse("must be text", remedy)
    try:
        network = cidrs.normalise(value)
    except ValueError:
        raise refuse("is not an IPv4 range", remedy) from None
    use = cidrs.reserved_for(network)
    if use is not None:
        raise refuse(f"{network} touches addresses that are kept {use}", "choose a private range")
    return network


Cidr = Annotated[
    IPv4Network,
    BeforeValidator(_range),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "format": "ipv4-cidr", "examples": ["172.16.0.0/16"]}),
]
"""An IPv4 range; bits behind the prefix are cleared (`172.16.0.1/16` is read as 172.16.0.0/16)."""

_Place = r"[a-z]{2}(-[a-z0-9]+)+"
_Region = Annotated[str, _matching(_Place, "is not a region id", "write one such as cn-hangzhou")]
_Zone = Annotated[str, _matching(_Place, "is not a zone id", "write one such as cn-hangzhou-k")]

_Label = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"

_ClusterName = r"[a-z][a-z0-9-]{0,52}[a-z0-9]"
"""A security group's name has at least 2 characters, and a machine's host name (`<name>-master-99`) at most
64 (ECS CreateSecurityGroup, RunInstances)."""


def _dns_name(value: str) -> str:
    label = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    if len(value) > 253 or not all(re.fullmatch(label, each) for each in value.split(".")):
        raise refuse("is not a DNS name", "use lower-case letters, digits, hyphens and dots")
    return value


def _address_or_name(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        return _dns_name(value)


def _version(example: str) -> AfterValidator:
    pattern = r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z][0-9A-Za-z.+-]*)?"
    return _matching(pattern, "is not a version", f"write one such as {example}")


class Disk(Document):
    """System disk of every machine."""

    size: Annotated[
        str, _matching(r"[1-9]\d*(G|GB|GiB)?", "is not a size in GiB", "write one such as 40G")
    ] = Field(description="Size in GiB, e.g. `40G`; 20G to 2048G.")
    type: Literal[DISK_TYPES] = Field(description="Disk category, e.g. `cloud_essd`.")  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _in_limits(self) -> Self:
        if self.gigabytes not in _DISK_GIGABYTES:
            first, last = _DISK_GIGABYTES[0], _DISK_GIGABYTES[-1]
            raise refuse(f"{self.size} is not a size that ECS offers", f"choose {first}G to {last}G", "size")
        return self

    @property
    def gigabytes(self) -> int:
        """The size as a number, in GiB."""
        return int(re.sub(r"\D", "", self.size))


class Iaas(Document):
    """The machines and where they stand."""

    worker_count: Annotated[Whole, Field(ge=0, le=5000)] = Field(
        default=0,
        alias="workerCount",
        description="Accepted for compatibility. A create makes only the master, with the empty node pool "
        "`default-nodepool`; workers come when a node pool's desiredCapacity is raised.",
    )
    image: Annotated[
        str,
        _matching(r"[A-Za-z0-9][A-Za-z0-9_.:-]{1,127}", "is not an image id", "take one of `DescribeImages`"),
    ] = Field(description="Image id, e.g. `centos_7_9_x64_20G_alibase_20210623.vhd`.")
    disk: Disk
    region: _Region = Field(description="Region id, e.g. `cn-hangzhou`.")
    zoneid: _Zone = Field(description="Zone of the first master, e.g. `cn-hangzhou-k`.")
    zones: list[_Zone] = Field(
        default_factory=list,
        description="Further zones over which later masters are spread; each gets its own vSwitch.",
    )
    instance: Annotated[
        str, _matching(r"ecs(\.[a-z0-9-]+)+", "is not an instance type", "write one such as ecs.c6.xlarge")
    ] = Field(description="Instance type of the masters, e.g. `ecs.c6.xlarge`.")
    vpccidr: Cidr = Field(
        default=IPv4Network("192.168.0.0/16"),
        description="Range of the cluster's own VPC; pods and services must lie outside.",
    )

    @property
    def all_zones(self) -> tuple[str, ...]:
        """Every zone with a vSwitch, the first master's first."""
        return tuple(dict.fromkeys((self.zoneid, *self.zones)))

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for field, zone in (("zoneid", self.zoneid), *(("zones", each) for each in self.zones)):
            if not zone.startswith(self.region):
                raise refuse(f"{zone} is not in region {self.region}", "choose a zone of that region", field)
        if not cidrs.is_vpc_space(self.vpccidr) or self.vpccidr.prefixlen not in _VPC_PREFIXES:
            raise refuse(
                f"a VPC cannot have the range {self.vpccidr}",
                "choose one inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, at least a /24",
                "vpccidr",
            )
        return self


class Kubernetes(Document):
    """Kubernetes itself."""

    name: Literal["kubernetes"] = "kubernetes"
    version: Annotated[str, _version("1.20.4-aliyun.1")] = Field(
        description="Version asked for; served by a software package, exactly or by the nearest one as the "
        "provider's versionPolicy says."
    )
    kubeadm_token: SecretStr | None = Field(
        default=None,
        alias="kubeadmToken",
        exclude=True,
        repr=False,
        description="Bootstrap token (`wdrip token new`); made anew when missing.",
    )

    @model_validator(mode="after")
    def _token_form(self) -> Self:
        token = self.kubeadm_token
        if token is not None and not KUBEADM_TOKEN.fullmatch(token.get_secret_value()):
            remedy = "make one with `wdrip token new` ([a-z0-9]{6}.[a-z0-9]{16})"
            raise refuse("is not a bootstrap token", remedy, "kubeadmToken")
        return self


class Etcd(Document):
    """The store behind the API server."""

    name: Literal["etcd"] = "etcd"
    version: Annotated[str, _version("v3.4.3")] = Field(description="Version asked for, e.g. `v3.4.3`.")


class Runtime(Document):
    """What runs the containers."""

    name: Literal["docker", "containerd"] = Field(description="`docker` or `containerd`.")
    version: Annotated[str, _version("19.03.5")] = Field(description="Version asked for, e.g. `19.03.5`.")


class Network(Document):
    """The cluster's inner network."""

    mode: Literal["ipvs", "iptables"] = Field(description="How kube-proxy balances services.")
    podcidr: Cidr = Field(description="Range of the pods, e.g. `172.16.0.1/16` (host bits are cleared).")
    svccidr: Cidr = Field(description="Range of the services, e.g. `172.19.0.1/20` (host bits are cleared).")
    domain: Annotated[str, AfterValidator(_dns_name)] = Field(
        description="DNS domain of the cluster, e.g. `cluster.domain`."
    )
    net_mask: Whole = Field(alias="netMask", description="Prefix length of one node's pod range, e.g. 25.")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.svccidr.prefixlen not in _SERVICE_PREFIXES:
            remedy = f"choose /{_SERVICE_PREFIXES[0]} to /{_SERVICE_PREFIXES[-1]}"
            raise refuse(f"a /{self.svccidr.prefixlen} is no size for services", remedy, "svccidr")
        if self.podcidr.overlaps(self.svccidr):
            raise _overlap("podcidr", self.podcidr, f"service range {self.svccidr}", (self.svccidr,))
        if self.net_mask not in _NODE_MASKS:
            remedy = f"choose {_NODE_MASKS[0]} to {_NODE_MASKS[-1]}"
            raise refuse(f"{self.net_mask} is no size for a node's pods", remedy, "netMask")
        return self


class ClusterConfig(Document):
    """A cluster as asked for: the file given to `wdrip create --config`."""

    clusterid: Annotated[
        str,
        _matching(
            _ClusterName,
            "is not a name that Kubernetes, ROS, ECS and OSS all accept",
            "use 2 to 54 lower-case letters, digits and inner hyphens, beginning with a letter",
        ),
    ] = Field(description="The cluster's name, e.g. `kubernetes-id-001`; also its ROS stack's.")
    iaas: Iaas
    registry: Annotated[
        str,
        _matching(
            r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*",
            "is not an image registry",
            "write host and path without scheme, such as registry-vpc.cn-hangzhou.aliyuncs.com",
        ),
    ] = Field(description="Registry of the control plane's images, without scheme.")
    namespace: Annotated[
        str, _matching(_Label, "is not a Kubernetes namespace", "write one such as default")
    ] = Field(default="default", description="Kept for compatibility with the guide; nothing depends on it.")
    cloud_type: Literal["public"] = Field(
        default="public", alias="cloudType", description="Only the public cloud is supported."
    )
    kubernetes: Kubernetes
    etcd: Etcd
    runtime: Runtime
    sans: list[Annotated[str, AfterValidator(_address_or_name)]] = Field(
        default_factory=list,
        description="Further addresses and names in the API server's certificate. Both endpoints are added.",
    )
    network: Network
    backup: BackupPolicy = Field(default_factory=BackupPolicy)
    quorum_loss: QuorumLossPolicy = Field(default_factory=QuorumLossPolicy, alias="quorumLoss")

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Read a configuration file.

        Raises InvalidInput with the first problem: the field in YAML words, what is wrong, the remedy. The
        token never shows in it.
        """
        return read_yaml(cls, text, "configuration file")

    def token(self) -> str | None:
        """The kubeadm token that the file named, in plain text; None when it named none."""
        secret = self.kubernetes.kubeadm_token
        return secret.get_secret_value() if secret is not None else None

    def without_token(self) -> Self:
        """The same configuration with nothing secret in it."""
        return self.model_copy(
            update={"kubernetes": self.kubernetes.model_copy(update={"kubeadm_token": None})}
        )

    @model_validator(mode="after")
    def _ranges_apart(self) -> Self:
        vpc, network = self.iaas.vpccidr, self.network
        taken = (vpc, network.podcidr, network.svccidr)
        for field, cidr in (("podcidr", network.podcidr), ("svccidr", network.svccidr)):
            if cidr.overlaps(vpc):
                others = tuple(each for each in taken if each is not cidr)
                raise _overlap(f"network.{field}", cidr, f"VPC range {vpc}", others)
        return self

    @model_validator(mode="after")
    def _room_for_nodes(self) -> Self:
        network, needed = self.network, MASTERS_EXPECTED + max(self.iaas.worker_count, 1)
        room = cidrs.node_capacity(network.podcidr, network.net_mask)
        if room < needed:
            mask = network.podcidr.prefixlen + (needed - 1).bit_length()
            smaller = f"{mask} or more, or " if mask in _NODE_MASKS else ""
            raise refuse(
                f"pod range {network.podcidr} holds {room} nodes of /{network.net_mask}, {needed} are needed "
                f"({MASTERS_EXPECTED} masters and the workers)",
                f"choose {smaller}a larger podcidr",
                "network.netMask",
            )
        return self


def _overlap(field: str, cidr: IPv4Network, other: str, taken: tuple[IPv4Network, ...]) -> Exception:
    free = cidrs.free_range(cidr.prefixlen, taken)
    remedy = f"choose another range, such as {free}" if free is not None else "choose smaller ranges"
    return refuse(f"{cidr} overlaps {other}", remedy, field)

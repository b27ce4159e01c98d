"""A node pool: what a person writes in its `spec`, and what wdrip says in its `status`.

The spec takes exactly what the schema of the definition (`wdrip/models/resources.py`) lets through. What a
schema cannot say, for example min ≤ max, is judged by `wdrip/planning/pool_spec.py` and told in a condition.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, Strict, StringConstraints

from wdrip.models.cluster_config import Disk
from wdrip.models.reading import Document, read_document

MOST_MACHINES = 1000
"""The most machines of one pool."""

MOST_ZONES = 8
"""As many as a cluster has room for (`wdrip/planning/vswitches.py`)."""

MOST_TAGS = 16
"""ECS allows 20 tags on a machine; four are wdrip's own."""

MOST_CPU = 1024
"""Virtual CPUs: above the largest instance type."""

MOST_MEMORY = 24576
"""GiB: above the largest instance type."""

MOST_TAINTS = 32
MOST_LABELS = 64
MOST_ARGUMENTS = 64

DRAIN_SECONDS = 900
"""Default of `drain.timeoutSeconds`: 15 minutes, the time that kOps gives a drain."""

LONGEST_DRAIN_SECONDS = 86400

LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
KEY_PATTERN = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
"""A key of a label or taint: a name, with a DNS name and a slash before it or not."""
INSTANCE_TYPE_PATTERN = r"^ecs(\.[a-z0-9-]+)+$"
IMAGE_PATTERN = r"^([A-Za-z0-9][A-Za-z0-9_.:-]{1,127})?$"
ZONE_PATTERN = r"^[a-z]{2}(-[a-z0-9]+)+$"
DISK_SIZE_PATTERN = (
    r"^(2[0-9]|[3-9][0-9]|[1-9][0-9]{2}|1[0-9]{3}|20[0-3][0-9]|204[0-8])(G|GB|GiB)?$"  # 20 to 2048
)
TAG_VALUE_LENGTH = 128
ARGUMENT_VALUE_PATTERN = r"^[A-Za-z0-9_.,:;=/@%+*<>~!\[\]{}-]*$"
"""No space, quote, `$` or backslash: the value ends up in a file that systemd reads as an environment."""
ARGUMENT_VALUE_LENGTH = 1024
IDENTIFIER_LENGTH = 253

Effect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
EFFECTS: tuple[Effect, ...] = ("NoSchedule", "PreferNoSchedule", "NoExecute")

OnTimeout = Literal["Stop", "Delete"]
ON_TIMEOUT: tuple[OnTimeout, ...] = ("Stop", "Delete")

_Count = Annotated[int, Strict(), Field(ge=0, le=MOST_MACHINES)]

_NullIsEmpty = BeforeValidator(lambda value: "" if value is None else value)
"""The definition has to take null wherever it takes an empty text (see `wdrip/models/resources.py`)."""

_LabelValue = Annotated[str, StringConstraints(pattern=LABEL_VALUE_PATTERN), _NullIsEmpty]
_TagValue = Annotated[str, StringConstraints(max_length=TAG_VALUE_LENGTH), _NullIsEmpty]
_ArgumentValue = Annotated[
    str,
    StringConstraints(pattern=ARGUMENT_VALUE_PATTERN, max_length=ARGUMENT_VALUE_LENGTH),
    _NullIsEmpty,
]
_Zone = Annotated[str, StringConstraints(pattern=ZONE_PATTERN)]


class PoolInfrastructure(Document):
    """`spec.infra`: the machines of the pool."""

    desired_capacity: _Count = Field(alias="desiredCapacity")
    cpu: Annotated[int, Strict(), Field(ge=1, le=MOST_CPU)] | None = None
    """Virtual CPUs of each machine; with `memory` it chooses the instance type."""
    memory: Annotated[int, Strict(), Field(ge=1, le=MOST_MEMORY)] | None = None
    """GiB of each machine."""
    instance_type: Annotated[str, StringConstraints(pattern=INSTANCE_TYPE_PATTERN)] | None = Field(
        default=None, alias="instanceType"
    )
    """Chosen by name; cpu and memory, when given as well, must be this type's own."""
    image_id: Annotated[str, StringConstraints(pattern=IMAGE_PATTERN), _NullIsEmpty] = Field(
        default="", alias="imageId"
    )
    """The cluster's own image when empty."""
    zones: Annotated[list[_Zone], Field(max_length=MOST_ZONES)] = Field(default_factory=list)
    """Zones to spread over; those of the cluster when empty."""
    disk: Disk | None = None
    """System disk; the cluster's own when missing."""
    tags: Annotated[dict[str, _TagValue], Field(max_length=MOST_TAGS)] = Field(default_factory=dict)
    """Tags of the machines, beside those of wdrip."""


class Taint(Document):
    """A taint that the pool's Nodes are registered with."""

    key: Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
    value: _LabelValue = ""
    effect: Effect


class AutoscalingBounds(Document):
    """`spec.autoscaling`: lets wdrip change `desiredCapacity` itself, within these bounds."""

    min: _Count
    max: _Count


class DrainPolicy(Document):
    """`spec.drain`: how a machine is emptied before it goes."""

    timeout_seconds: Annotated[int, Strict(), Field(ge=1, le=LONGEST_DRAIN_SECONDS)] = Field(
        default=DRAIN_SECONDS, alias="timeoutSeconds"
    )
    on_timeout: OnTimeout = Field(default="Stop", alias="onTimeout")
    """`Stop`: the machine stays and gets its pods back, and another try comes later. `Delete`: it goes, with
    the pods that a PodDisruptionBudget still holds."""


class NodePoolSpec(Document):
    """What a person wants of a pool."""

    id: Annotated[str, StringConstraints(max_length=IDENTIFIER_LENGTH), _NullIsEmpty] = ""
    """An identifier of the person's own; wdrip only keeps it."""
    infra: PoolInfrastructure
    labels: Annotated[dict[str, _LabelValue], Field(max_length=MOST_LABELS)] = Field(default_factory=dict)
    taints: Annotated[list[Taint], Field(max_length=MOST_TAINTS)] = Field(default_factory=list)
    kubelet_arguments: Annotated[dict[str, _ArgumentValue], Field(max_length=MOST_ARGUMENTS)] = Field(
        default_factory=dict, alias="kubeletArguments"
    )
    """Flags of the kubelet without the leading hyphens, e.g. `{"max-pods": "64"}`."""
    autoscaling: AutoscalingBounds | None = None
    drain: DrainPolicy = Field(default_factory=DrainPolicy)

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> Self:
        """The spec as the API server gives it. Raises InvalidInput when an older or newer definition let
        something through that this wdrip does not know."""
        return read_document(cls, spec)


class PoolPhase(StrEnum):
    """Where a pool stands, in one word for `kubectl get nodepool`."""

    READY = "Ready"
    GROWING = "Growing"
    SHRINKING = "Shrinking"
    REPLACING = "Replacing"
    WAITING = "Waiting"
    """There is something to do that cannot be done now; the message says why."""
    REFUSED = "Refused"
    """The spec cannot be carried out; the message says what to change."""
    DELETING = "Deleting"


class Condition(Document):
    """One condition of a status, in the form of `metav1.Condition`.

    Written without the fields that are None: the API server takes no null here.
    """

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    """CamelCase, for programs."""
    message: str = ""
    last_transition_time: datetime | None = Field(default=None, alias="lastTransitionTime")
    observed_generation: int = Field(default=0, alias="observedGeneration")


class NodePoolStatus(Document):
    """What is, and why it is not yet what shall be."""

    observed_generation: int = Field(alias="observedGeneration")
    replicas: int
    ready_replicas: int = Field(alias="readyReplicas")
    phase: PoolPhase
    message: str = ""
    """What is waited for, in words."""
    instance_type: str = Field(default="", alias="instanceType")
    """The one that cpu and memory chose."""
    blocking_budget: str = Field(default="", alias="blockingBudget")
    """`namespace/name` of the PodDisruptionBudget that holds a drain up."""
    autoscaling_reason: str = Field(default="", alias="autoscalingReason")
    """Why the autoscaler did last what it did, or why it does nothing."""
    conditions: list[Condition] = Field(default_factory=list)


class AutoscalingMemory(Document):
    """What the cluster's workflow remembers of a pool's autoscaling from one look to the next."""

    under_used_since: dict[str, datetime] = Field(default_factory=dict)
    """By name of the Node; what the last verdict said."""
    grew: datetime | None = None
    """When the autoscaler last made the pool larger."""
    shrank: datetime | None = None
    """When it last made it smaller."""

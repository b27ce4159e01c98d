"""What workflows give to activities and get back: references and facts, never secrets."""

from pydantic import BaseModel, ConfigDict

from wdrip.models.cluster import ClusterRecord, InfrastructureOutputs, Machine, Versions


class _Task(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Validated(_Task):
    """What the cloud-side checks found out about an acceptable configuration."""

    asked: Versions
    actual: Versions
    package: str
    """Name of the software package that serves the asked versions."""
    notes: list[str]
    """What the person should know, e.g. that another version than the asked one is served."""


class SecretsTask(_Task):
    """Issue a cluster's secrets."""

    record: ClusterRecord
    token_reference: str | None
    """Bucket key of the sealed kubeadm token; none: one is made."""


class TransitObject(_Task):
    """An object that only waits to be picked up."""

    provider: str
    key: str


class MachineTask(_Task):
    """Start a machine in a cluster's network."""

    record: ClusterRecord
    outputs: InfrastructureOutputs


class StartedMachine(_Task):
    """A machine that was asked for and may still be starting."""

    record: ClusterRecord
    instance_id: str


class BackendsTask(_Task):
    """Which machines stand behind the API server's load balancer: exactly these."""

    record: ClusterRecord
    stack_id: str
    instance_ids: list[str]


class NodeTask(_Task):
    """Work on one machine of a cluster."""

    record: ClusterRecord
    machine: Machine


class HandoverTask(NodeTask):
    """Give a machine its secrets, encrypted to its own certificate."""

    certificate: str
    """PEM, from the machine."""


class InitTask(NodeTask):
    """Start the control plane on its first machine."""

    outputs: InfrastructureOutputs

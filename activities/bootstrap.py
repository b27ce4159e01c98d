"""From a running machine to a control plane of one: everything through Cloud Assistant."""

import hashlib
from uuid import uuid4

from temporalio import activity

from activities.clients import Clients
from activities.commands import carry_out, tail
from activities.packages import read_index
from activities.secrets import read_bundle
from activities.tasks import HandoverTask, InitTask, NodeTask
from wdrip import names
from wdrip.errors import PermanentError, TemporaryError, WdripError
from wdrip.models.cluster import ClusterRecord
from wdrip.nodes import operations
from wdrip.nodes.kubeadm import KubeadmInput, NodeIdentity, init_config
from wdrip.nodes.operations import NodeOperation
from wdrip.security.handover import encrypt_for_machine
from wdrip.security.machine_files import master_archive, worker_archive

URL_SECONDS = 600
"""How long a machine may use a pre-signed URL; an attempt after that brings a new one."""


class Bootstrap:
    """Carries out operations on a cluster's machines. Each is idempotent on the machine itself.

    All raise PermanentError with the end of the operation's log when it failed.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def prepare_identity(self, task: NodeTask) -> str:
        """The machine's certificate (PEM), of a key that never leaves it."""
        output = self._run(task, operations.prepare_identity(node_name(task)))
        try:
            return operations.certificate_in(output)
        except ValueError as error:
            raise PermanentError(
                f"{task.machine.instance_id} showed no certificate: {tail(output)}"
            ) from error

    @activity.defn(no_thread_cancel_exception=True)
    def install_package(self, task: NodeTask) -> None:
        """Fetch, verify and install the cluster's software package."""
        bucket = self._clients.bucket(task.record.provider)
        package = read_index(bucket).named(task.record.package)
        self._run(
            task,
            operations.install_package(
                bucket.presigned_get(package.key, URL_SECONDS),
                package.sha256,
                f"v{package.versions.kubernetes}",
                image_repository(task.record),
                control_plane=task.machine.role != names.ROLE_WORKER,
            ),
        )

    @activity.defn(no_thread_cancel_exception=True)
    def hand_over_secrets(self, task: HandoverTask) -> None:
        """Put the cluster's keys on the machine, encrypted on the way to the machine's own key.

        The encrypted archive lies in the bucket only while the machine fetches it.
        """
        bucket = self._clients.bucket(task.record.provider)
        bundle = read_bundle(self._clients, task.record, task.secrets_key)
        archive = (
            worker_archive(bundle)
            if task.machine.role == names.ROLE_WORKER
            else master_archive(bundle, node_name(task), task.machine.private_ip)
        )
        key = f"{names.TRANSIT_PREFIX}{uuid4().hex}.cms"
        bucket.put(key, encrypt_for_machine(archive, task.certificate))
        try:
            url = bucket.presigned_get(key, URL_SECONDS)
            self._run(task, operations.receive_secrets(url, hashlib.sha256(archive).hexdigest()))
        finally:
            bucket.delete(key)

    @activity.defn(no_thread_cancel_exception=True)
    def start_first_etcd(self, task: NodeTask) -> None:
        """Start etcd with TLS as a cluster of one and wait until it is healthy."""
        ip = task.machine.private_ip
        self._run(task, operations.start_first_etcd(node_name(task), ip, task.record.uid))

    @activity.defn(no_thread_cancel_exception=True)
    def init_control_plane(self, task: InitTask) -> str:
        """kubeadm init; returns the lines of its log that tell asked from actual."""
        endpoint = names.endpoint_name(task.record.name)
        # A master reaches the API server on itself: a layer-4 backend may not reach its own balancer.
        self._run(task, operations.set_endpoint_address(endpoint, task.machine.private_ip))
        config = init_config(kubeadm_input(task))
        output = self._run(task, operations.init_control_plane(config, node_name(task)))
        return "\n".join(line for line in output.splitlines() if "asked" in line)

    @activity.defn(no_thread_cancel_exception=True)
    def configure_pod_network(self, task: NodeTask) -> None:
        """Give the machine its CNI configuration, from the pod range of its node."""
        network = task.record.config.network
        name, pod_cidr = node_name(task), str(network.podcidr)
        self._run(task, operations.configure_pod_network(name, pod_cidr, network.net_mask))

    @activity.defn(no_thread_cancel_exception=True)
    def collect_diagnostics(self, task: NodeTask) -> str:
        """The ends of the logs of what runs on the machine, or why they cannot be had: never fails for good,
        since it explains another failure."""
        try:
            return tail(self._run(task, operations.collect_diagnostics()))
        except TemporaryError:
            raise
        except WdripError as error:
            return f"(no logs: {error})"

    def _run(self, task: NodeTask, operation: NodeOperation) -> str:
        return carry_out(self._clients.ecs(task.record.provider), task.machine.instance_id, operation)


def node_name(task: NodeTask) -> str:
    """The machine's name as a Node and as an etcd member."""
    return names.node_name(task.machine.private_ip, task.machine.instance_id)


def image_repository(record: ClusterRecord) -> str:
    """Where kubeadm asks for images: the registry's public name space `acs`, as Alibaba's own components."""
    return f"{record.config.registry}/acs"


def kubeadm_input(task: InitTask) -> KubeadmInput:
    """What decides the first control plane node's configuration."""
    record, machine = task.record, task.machine
    network = record.config.network
    versions = record.actual or record.asked
    endpoints = (task.outputs.private_endpoint, task.outputs.public_endpoint)
    return KubeadmInput(
        cluster_name=record.name,
        kubernetes_version=f"v{versions.kubernetes.removeprefix('v')}",
        endpoint_name=names.endpoint_name(record.name),
        sans=(*record.config.sans, *endpoints),
        pod_cidr=str(network.podcidr),
        service_cidr=str(network.svccidr),
        dns_domain=network.domain,
        node_mask=network.net_mask,
        proxy_mode=network.mode,
        image_repository=image_repository(record),
        node=NodeIdentity(
            name=node_name(task),
            ip=machine.private_ip,
            provider_id=names.provider_id(record.region, machine.instance_id),
        ),
    )

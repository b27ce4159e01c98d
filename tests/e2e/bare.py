"""Machines without a cloud: those of the benchmark, on a network of their own, and a cluster made by hand.

The operations are those of the product, one after the other, with neither cloud nor workflow in between.
"""

import hashlib
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.abandoned import told
from wdrip.models.observation import EtcdMember, Health
from wdrip.nodes import etcd_operations, operations
from wdrip.nodes.etcd_report import read_report
from wdrip.nodes.kubeadm import JoinInput, KubeadmInput, NodeIdentity, init_config, join_config
from wdrip.nodes.operations import NodeOperation, launch
from wdrip.nodes.package.build import BuiltPackage
from wdrip.security.bundle import SecretsBundle
from wdrip.security.handover import encrypt_for_machine
from wdrip.security.machine_files import master_archive
from wdrip.security.tokens import new_token

MACHINE = Path(__file__).parents[2] / "benchmarks/bare/machine.sh"
ENDPOINT = "apiserver.bare.wdrip"
POD_RANGE = "172.16.0.0/16"
REPOSITORY = "registry-vpc.cn-hangzhou.aliyuncs.com/acs"
TOKEN = new_token()


class BareMachine:
    """A systemd machine without a cloud; files are handed to it below /var/tmp."""

    def __init__(self, folder: Path, ip: str, instance_id: str) -> None:
        self._folder = folder
        self.ip = ip
        self.node = NodeIdentity(f"{ip}.{instance_id}", ip, f"cn-hangzhou.{instance_id}")

    @contextmanager
    def booted(self, rootfs: Path, switch: str) -> Iterator[None]:
        """Until the block ends it runs, on the network of that name; then everything of it is removed."""
        with told(MACHINE, "stop", self._folder):
            try:
                subprocess.run(
                    [MACHINE, "boot", self._folder, rootfs, self.ip, switch], check=True, timeout=120
                )
                yield
            finally:
                subprocess.run([MACHINE, "stop", self._folder], check=True, timeout=120)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command on the machine."""
        return subprocess.run(
            [MACHINE, "run", self._folder, *command], capture_output=True, text=True, check=False, timeout=600
        )

    def hand_over(self, name: str, content: bytes | Path) -> str:
        """A file for the machine; the URL under which curl finds it there."""
        target = self._folder / "root/var/tmp" / name
        target.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        return f"file:///var/tmp/{name}"

    def launch(self, operation: NodeOperation, wait_seconds: int = 300) -> "subprocess.CompletedProcess[str]":
        """One RunCommand."""
        return self.run("/bin/bash", "-c", launch(operation, wait_seconds))

    def succeed(self, operation: NodeOperation) -> str:
        """The output of an operation that must succeed."""
        done = self.launch(operation)
        assert done.returncode == 0, f"{operation.name}: {done.stdout}{done.stderr}"
        return done.stdout

    def kubectl(self, *arguments: str) -> str:
        """kubectl with the administrator's configuration on the machine."""
        done = self.run("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


def installing(machine: BareMachine, package: BuiltPackage, *, control_plane: bool = True) -> NodeOperation:
    url = machine.hand_over("package.tar.gz", package.archive)
    return operations.install_package(url, package.sha256, "v1.20.2", REPOSITORY, control_plane=control_plane)


def initialising(machine: BareMachine) -> NodeOperation:
    given = KubeadmInput(
        cluster_name="bare",
        kubernetes_version="v1.20.2",
        endpoint_name=ENDPOINT,
        sans=("192.168.0.1",),
        pod_cidr=POD_RANGE,
        service_cidr="172.19.0.0/20",
        dns_domain="cluster.domain",
        node_mask=25,
        proxy_mode="ipvs",
        image_repository=REPOSITORY,
        node=machine.node,
    )
    return operations.init_control_plane(init_config(given), machine.node.name)


def hand_over(machine: BareMachine, archive: bytes) -> None:
    certificate = operations.certificate_in(machine.succeed(operations.prepare_identity(machine.node.name)))
    url = machine.hand_over("secrets.cms", encrypt_for_machine(archive, certificate))
    machine.succeed(operations.receive_secrets(url, hashlib.sha256(archive).hexdigest()))


def hand_over_secrets(machine: BareMachine, bundle: SecretsBundle) -> None:
    hand_over(machine, master_archive(bundle, machine.node.name, machine.ip))


def bring_up(machine: BareMachine, package: BuiltPackage) -> str:
    """The road of a create; the output of its last step."""
    machine.succeed(installing(machine, package))
    machine.succeed(operations.set_endpoint_address(ENDPOINT, machine.ip))
    machine.succeed(operations.start_first_etcd(machine.node.name, machine.ip, "uid"))
    machine.succeed(initialising(machine))
    machine.succeed(operations.configure_pod_network(machine.node.name, POD_RANGE, 25))
    return machine.succeed(operations.wait_node_ready(machine.node.name, 120))


def etcd_members(machine: BareMachine) -> dict[str, EtcdMember]:
    """By node name, as this machine sees them."""
    members = read_report(machine.succeed(etcd_operations.list_etcd_members()))
    assert members is not None
    return {member.name: member for member in members}


def join(machine: BareMachine, joining: NodeOperation) -> None:
    """The pod network is set up while the machine joins, as it may be."""
    with ThreadPoolExecutor() as together:
        network = together.submit(
            machine.succeed, operations.configure_pod_network(machine.node.name, POD_RANGE)
        )
        machine.succeed(joining)
        network.result()
    machine.succeed(operations.wait_node_ready(machine.node.name, 120))


def add_voter(first: BareMachine, second: BareMachine) -> str:
    """Give `second` a member with a vote; its id."""
    added = first.succeed(etcd_operations.add_etcd_learner(second.node.name, second.ip))
    member = etcd_operations.added_member(added)
    endpoints = [f"https://{first.ip}:2379"]
    starting = etcd_operations.start_joining_etcd(second.node.name, second.ip, "uid", member, endpoints)
    second.succeed(starting)
    learner = etcd_members(first)[second.node.name]
    assert (learner.learner, learner.health) == (True, Health.HEALTHY)
    first.succeed(etcd_operations.promote_etcd_member(member))
    return member


def join_master(machine: BareMachine, through: BareMachine) -> None:
    """`kubeadm join` of a machine whose member votes, through a master that serves."""
    joining = join_config(JoinInput("v1.20.2", machine.node, control_plane=True))
    address = through.ip
    join(machine, operations.join_control_plane(joining, machine.node.name, ENDPOINT, address, machine.ip))

"""The operations on one real machine: a control plane from nothing, again, cut off, and undone.

The machine is the bare one of the benchmark: no cloud is in between, so what fails here is the script's own.
"""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.images import default_cache
from wdrip.nodes import operations
from wdrip.nodes.kubeadm import KubeadmInput, NodeIdentity, init_config
from wdrip.nodes.operations import STILL_RUNNING, NodeOperation, launch
from wdrip.nodes.package.build import BuiltPackage, build_package
from wdrip.security.bundle import SecretsBundle
from wdrip.security.handover import encrypt_for_machine
from wdrip.security.machine_files import master_archive
from wdrip.security.tokens import new_token

pytestmark = [pytest.mark.machines, pytest.mark.timeout(1800)]

MACHINE = Path(__file__).parents[2] / "benchmarks/bare/machine.sh"
IP = "192.168.0.77"
NODE = NodeIdentity(f"{IP}.i-bp12a2wcmbrd4383cai3", IP, "cn-hangzhou.i-bp12a2wcmbrd4383cai3")
REPOSITORY = "registry-vpc.cn-hangzhou.aliyuncs.com/acs"
TOKEN = new_token()


class BareMachine:
    """A systemd machine without a cloud; files are handed to it below /var/tmp."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def boot(self, rootfs: Path) -> None:
        """Starts it; returns when its systemd answers."""
        subprocess.run([MACHINE, "boot", self._folder, rootfs, IP], check=True, timeout=120)

    def stop(self) -> None:
        """Ends it and removes everything of it."""
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


@pytest.fixture(scope="module")
def package() -> BuiltPackage:
    return build_package(default_cache(), "1.20.2", print)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareMachine]:
    prepared = subprocess.run(
        [sys.executable, "-m", "localcloud.images", "prepare"], stdout=subprocess.PIPE, text=True, check=True
    )
    machine = BareMachine(tmp_path_factory.mktemp("machine"))
    try:
        machine.boot(Path(prepared.stdout.splitlines()[-1]))
        yield machine
    finally:
        machine.stop()


def installing(machine: BareMachine, package: BuiltPackage) -> NodeOperation:
    url = machine.hand_over("package.tar.gz", package.archive)
    return operations.install_package(url, package.sha256, "v1.20.2", REPOSITORY)


def initialising() -> NodeOperation:
    given = KubeadmInput(
        cluster_name="bare",
        kubernetes_version="v1.20.2",
        endpoint_name="apiserver.bare.wdrip",
        sans=("192.168.0.1",),
        pod_cidr="172.16.0.0/16",
        service_cidr="172.19.0.0/20",
        dns_domain="cluster.domain",
        node_mask=25,
        proxy_mode="ipvs",
        image_repository=REPOSITORY,
        etcd_endpoints=(f"https://{IP}:2379",),
        node=NODE,
    )
    return operations.init_control_plane(init_config(given), NODE.name)


def hand_over_secrets(machine: BareMachine) -> None:
    certificate = operations.certificate_in(machine.succeed(operations.prepare_identity(NODE.name)))
    archive = master_archive(SecretsBundle.new(TOKEN), NODE.name, IP)
    url = machine.hand_over("secrets.cms", encrypt_for_machine(archive, certificate))
    machine.succeed(operations.receive_secrets(url, hashlib.sha256(archive).hexdigest()))


def bring_up(machine: BareMachine, package: BuiltPackage) -> str:
    """The road of a create; the output of its last step."""
    machine.succeed(installing(machine, package))
    machine.succeed(operations.set_endpoint_address("apiserver.bare.wdrip", IP))
    machine.succeed(operations.start_first_etcd(NODE.name, IP, "uid"))
    machine.succeed(initialising())
    machine.succeed(operations.configure_pod_network(NODE.name, "172.16.0.0/16", 25))
    return machine.succeed(operations.wait_node_ready(NODE.name, 120))


def forget_successes(machine: BareMachine) -> None:
    """So that every operation runs again instead of telling its result."""
    assert machine.run("rm", "-rf", "/var/lib/wdrip/operations").returncode == 0


def test_a_machine_becomes_a_ready_control_plane(machine: BareMachine, package: BuiltPackage) -> None:
    hand_over_secrets(machine)
    ready = bring_up(machine, package)
    assert f"{NODE.name}   Ready" in ready
    node = machine.kubectl("get", "node", NODE.name, "-o", "jsonpath={.spec.providerID} {.spec.podCIDR}")
    assert node == f"{NODE.provider_id} 172.16.0.0/25"
    machine.kubectl(
        "--namespace", "kube-system", "rollout", "status", "daemonset/kube-proxy", "--timeout=120s"
    )
    assert machine.run("curl", "-s", "http://127.0.0.1:10249/proxyMode").stdout == "iptables"


def test_the_token_is_on_the_machine_and_in_no_log(machine: BareMachine) -> None:
    public, private = TOKEN.split(".")
    assert machine.kubectl("-n", "kube-system", "get", "secret", f"bootstrap-token-{public}", "-o", "name")
    found = machine.run("grep", "-rl", private, "/var/lib/wdrip", "/run/wdrip", "/var/log")
    assert found.stdout == ""


def test_the_whole_road_again_changes_nothing(machine: BareMachine, package: BuiltPackage) -> None:
    uid = machine.kubectl("get", "node", NODE.name, "-o", "jsonpath={.metadata.uid}")
    forget_successes(machine)
    bring_up(machine, package)
    assert machine.kubectl("get", "node", NODE.name, "-o", "jsonpath={.metadata.uid}") == uid


def test_a_kill_in_the_middle_costs_only_another_launch(machine: BareMachine, package: BuiltPackage) -> None:
    machine.succeed(operations.wipe_machine())
    hand_over_secrets(machine)
    machine.succeed(operations.set_endpoint_address("apiserver.bare.wdrip", IP))
    machine.succeed(operations.start_first_etcd(NODE.name, IP, "uid"))
    init = initialising()
    assert machine.launch(init, wait_seconds=3).returncode == STILL_RUNNING
    unit = "wdrip-init-control-plane.service"
    assert machine.run("systemctl", "kill", "--signal=KILL", unit).returncode == 0
    machine.succeed(init)
    machine.succeed(operations.configure_pod_network(NODE.name, "172.16.0.0/16", 25))
    assert "Ready" in machine.succeed(operations.wait_node_ready(NODE.name, 120))


def test_diagnostics_tell_of_every_part(machine: BareMachine) -> None:
    output = machine.succeed(operations.collect_diagnostics())
    for part in ("etcd", "containerd", "kubelet", "kube-apiserver", "init-control-plane: exit code 0"):
        assert part in output
    assert len(output) < 24 * 1024

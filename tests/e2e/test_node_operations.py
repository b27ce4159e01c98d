"""The operations on real machines: a control plane from nothing, again, cut off, undone; a second master and
a worker that come, reach each other, and go.

The machines are the bare ones of the benchmark: no cloud is in between, so what fails is the script's own.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from localcloud.images import default_cache
from tests.e2e.bare import (
    ENDPOINT,
    POD_RANGE,
    REPOSITORY,
    TOKEN,
    BareMachine,
    add_voter,
    bring_up,
    etcd_members,
    hand_over,
    hand_over_secrets,
    initialising,
    installing,
    join,
    join_master,
)
from wdrip.models.node_pool import Taint
from wdrip.models.observation import Health
from wdrip.nodes import etcd_operations, operations
from wdrip.nodes.kubeadm import JoinInput, join_config
from wdrip.nodes.operations import STILL_RUNNING
from wdrip.nodes.package.build import BuiltPackage, build_package
from wdrip.security.bundle import SecretsBundle
from wdrip.security.machine_files import worker_archive

pytestmark = [pytest.mark.machines, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def package() -> BuiltPackage:
    return build_package(default_cache(), "1.20.2", print)


@pytest.fixture(scope="module")
def bundle() -> SecretsBundle:
    return SecretsBundle.new(TOKEN)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BareMachine, ...]]:
    """Two to be masters and one to be a worker, on one network."""
    prepared = subprocess.run(
        [sys.executable, "-m", "localcloud.images", "prepare"], stdout=subprocess.PIPE, text=True, check=True
    )
    folder = tmp_path_factory.mktemp("machines")
    switch = f"switch{os.getpid()}"
    machines = tuple(
        BareMachine(folder / f"m{n}", f"192.168.0.{76 + n}", f"i-bp12a2wcmbrd4383cai{n}") for n in (1, 2, 3)
    )
    with ExitStack() as stack:
        for machine in machines:
            stack.enter_context(machine.booted(Path(prepared.stdout.splitlines()[-1]), switch))
        yield machines


@pytest.fixture(scope="module")
def machine(machines: tuple[BareMachine, ...]) -> BareMachine:
    """The first master."""
    return machines[0]


def forget_successes(machine: BareMachine) -> None:
    """So that every operation runs again instead of telling its result."""
    assert machine.run("rm", "-rf", "/var/lib/wdrip/operations").returncode == 0


def test_a_machine_becomes_a_ready_control_plane(
    machine: BareMachine, package: BuiltPackage, bundle: SecretsBundle
) -> None:
    hand_over_secrets(machine, bundle)
    ready = bring_up(machine, package)
    assert f"{machine.node.name}   Ready" in ready
    node = machine.kubectl(
        "get", "node", machine.node.name, "-o", "jsonpath={.spec.providerID} {.spec.podCIDR}"
    )
    assert node == f"{machine.node.provider_id} 172.16.0.0/25"
    machine.kubectl(
        "--namespace", "kube-system", "rollout", "status", "daemonset/kube-proxy", "--timeout=120s"
    )
    # A pod counts as rolled out when it runs, a moment before it answers.
    await_that(lambda: machine.run("curl", "-s", "http://127.0.0.1:10249/proxyMode").stdout == "iptables")


def test_the_token_is_on_the_machine_and_in_no_log(machine: BareMachine) -> None:
    public, private = TOKEN.split(".")
    assert machine.kubectl("-n", "kube-system", "get", "secret", f"bootstrap-token-{public}", "-o", "name")
    found = machine.run("grep", "-rl", private, "/var/lib/wdrip", "/run/wdrip", "/var/log")
    assert found.stdout == ""


def test_the_whole_road_again_changes_nothing(machine: BareMachine, package: BuiltPackage) -> None:
    uid = machine.kubectl("get", "node", machine.node.name, "-o", "jsonpath={.metadata.uid}")
    forget_successes(machine)
    bring_up(machine, package)
    assert machine.kubectl("get", "node", machine.node.name, "-o", "jsonpath={.metadata.uid}") == uid


def test_a_kill_in_the_middle_costs_only_another_launch(machine: BareMachine, bundle: SecretsBundle) -> None:
    machine.succeed(operations.wipe_machine())
    hand_over_secrets(machine, bundle)
    machine.succeed(operations.set_endpoint_address(ENDPOINT, machine.ip))
    machine.succeed(operations.start_first_etcd(machine.node.name, machine.ip, "uid"))
    init = initialising(machine)
    assert machine.launch(init, wait_seconds=3).returncode == STILL_RUNNING
    unit = "wdrip-init-control-plane.service"
    assert machine.run("systemctl", "kill", "--signal=KILL", unit).returncode == 0
    machine.succeed(init)
    machine.succeed(operations.configure_pod_network(machine.node.name, POD_RANGE, 25))
    assert "Ready" in machine.succeed(operations.wait_node_ready(machine.node.name, 120))


def test_diagnostics_tell_of_every_part(machine: BareMachine) -> None:
    output = machine.succeed(operations.collect_diagnostics())
    for part in ("etcd", "containerd", "kubelet", "kube-apiserver", "init-control-plane: exit code 0"):
        assert part in output
    assert len(output) < 24 * 1024


def test_a_dead_learner_gets_no_vote(machines: tuple[BareMachine, ...], package: BuiltPackage) -> None:
    first = machines[0]
    added = first.succeed(etcd_operations.add_etcd_learner("never-there", "192.168.0.99"))
    member = etcd_operations.added_member(added)
    refused = first.launch(etcd_operations.promote_etcd_member(member, deadline_seconds=2))
    assert refused.returncode == operations.NOT_IN_TIME
    assert "has not started yet" in refused.stdout
    first.succeed(etcd_operations.remove_etcd_member(member))
    first.succeed(etcd_operations.remove_etcd_member(member))
    assert list(etcd_members(first)) == [first.node.name]


def images(machine: BareMachine) -> set[str]:
    """Under the cluster's own repository, without their tags."""
    listed = machine.run("ctr", "--namespace", "k8s.io", "images", "list", "--quiet").stdout.split()
    return {name.rpartition("/")[2].partition(":")[0] for name in listed if name.startswith(REPOSITORY)}


def test_a_second_master_and_a_worker_join(
    machines: tuple[BareMachine, ...], package: BuiltPackage, bundle: SecretsBundle
) -> None:
    first, second, worker = machines
    with ThreadPoolExecutor() as together:
        list(
            together.map(
                lambda each: each.succeed(installing(each, package, control_plane=each is second)),
                (second, worker),
            )
        )
    assert images(second) >= images(worker) == {"kube-proxy", "pause"}
    assert "kube-apiserver" in images(second)
    hand_over_secrets(second, bundle)
    hand_over(worker, worker_archive(bundle))
    member = add_voter(first, second)
    # As often as they may be sent.
    first.succeed(etcd_operations.add_etcd_learner(second.node.name, second.ip))
    first.succeed(etcd_operations.promote_etcd_member(member))
    join_master(second, first)
    node = replace(
        worker.node,
        labels={"pool": "a"},
        taints=(Taint(key="x", value="y", effect="PreferNoSchedule"),),
        kubelet_arguments={"max-pods": "50"},
    )
    joining = join_config(JoinInput("v1.20.2", node, control_plane=False))
    join(worker, operations.join_worker(joining, node.name, ENDPOINT, first.ip))
    said = "{.metadata.labels.pool} {.spec.taints[0].key}={.spec.taints[0].value} {.status.allocatable.pods}"
    assert first.kubectl("get", "node", node.name, "-o", f"jsonpath={said}") == "a x=y 50"
    members = etcd_members(first)
    assert [(member.learner, member.health) for member in members.values()] == [(False, Health.HEALTHY)] * 2
    assert [member.name for member in members.values() if member.leader] == [first.node.name]
    servers = second.run("grep", "etcd-servers=", "/etc/kubernetes/manifests/kube-apiserver.yaml").stdout
    assert servers.strip() == "- --etcd-servers=https://127.0.0.1:2379"


def test_pods_on_all_nodes_reach_each_other(machines: tuple[BareMachine, ...]) -> None:
    first = machines[0]
    url = first.hand_over("pods.yaml", "---\n".join([*map(web_pod, machines), WEB_SERVICE]).encode())
    first.kubectl("apply", "-f", url.removeprefix("file://"))
    first.kubectl("wait", "--for=condition=Ready", "pod", "-l", "app=web", "--timeout=120s")
    addresses = first.kubectl(
        "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].status.podIP}"
    ).split()
    assert len(set(addresses)) == 3
    service = first.kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
    nodes = {each.ip for each in machines}
    for machine in machines:
        for address in addresses:
            assert machine.run("curl", "-sf", "-m", "5", f"http://{address}:8080/").returncode == 0
            assert in_pod(machine, f"http://{address}:8080/") in nodes
        # Each node's kube-proxy hears of the service in its own time.
        await_that(partial(answers_from, nodes, machine, f"http://{service}/"))
        assert {in_pod(machine, f"http://{service}/") for _ in range(20)} <= nodes


def test_the_way_to_a_node_goes_with_it_and_comes_back(machines: tuple[BareMachine, ...]) -> None:
    first, _, worker = machines
    ways = ("ip", "-4", "route", "show", "dev", "wdrip0")
    first.kubectl("delete", "node", worker.node.name)
    await_that(lambda: worker.ip not in first.run(*ways).stdout)
    assert worker.ip not in first.run("bridge", "fdb", "show", "dev", "wdrip0").stdout
    worker.succeed(operations.restart_services())
    await_that(lambda: worker.ip in first.run(*ways).stdout)


def test_a_master_leaves_and_the_quorum_stays(machines: tuple[BareMachine, ...]) -> None:
    first, second, _ = machines
    member = etcd_members(first)[second.node.name].id
    first.succeed(etcd_operations.move_etcd_leader(member))
    assert etcd_members(first)[second.node.name].leader
    refused = second.launch(etcd_operations.remove_etcd_member(member))
    assert "remove it from another one" in refused.stdout
    own = etcd_members(first)[first.node.name].id
    first.succeed(etcd_operations.move_etcd_leader(own))
    first.succeed(etcd_operations.remove_etcd_member(member))
    second.succeed(operations.leave_cluster())
    assert second.run("pgrep", "-f", "kube-apiserver|kubelet |/etcd").returncode == 1
    assert list(etcd_members(first)) == [first.node.name]
    first.kubectl("delete", "node", second.node.name)
    first.kubectl("get", "--raw", "/readyz")


def web_pod(machine: BareMachine) -> str:
    """A pod on that machine that answers with the machine's address."""
    serve = f"busybox mkdir /w; echo -n {machine.ip} >/w/index.html; exec busybox httpd -f -p 8080 -h /w"
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: web-{machine.ip.replace(".", "-")}, labels: {{app: web}}}}
spec:
  nodeName: {machine.node.name}
  terminationGracePeriodSeconds: 0
  tolerations: [{{operator: Exists}}]
  containers:
  - name: web
    image: {REPOSITORY}/kube-proxy:v1.20.2
    imagePullPolicy: Never
    command: [/bin/busybox, sh, -c, "{serve}"]
"""


WEB_SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""


def in_pod(machine: BareMachine, url: str) -> str:
    """What the URL answers in the network of the machine's web pod."""
    script = f'nsenter --net --target "$(pgrep -f "[b]usybox httpd" | head -1)" curl -sf -m 5 {url}'
    return machine.run("bash", "-c", script).stdout


def answers_from(nodes: set[str], machine: BareMachine, url: str) -> bool:
    """Whether the URL answers, in the network of the machine's web pod, with one of the addresses."""
    return in_pod(machine, url) in nodes


def await_that(true: Callable[[], bool], seconds: float = 30) -> None:
    """Looks until it is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)

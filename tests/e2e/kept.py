"""A cluster that several files of tests share, and what a person and the cloud's console can do to it."""

import json
import socket
import subprocess
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.e2e.stack import Stack
from tests.e2e.writer import Writer, tls_context
from wdrip import names
from wdrip.clients.ecs import CommandResult, EcsClient, Instance
from wdrip.models.observation import EtcdMember
from wdrip.nodes.etcd_operations import list_etcd_members
from wdrip.nodes.etcd_report import read_report
from wdrip.nodes.operations import launch

NAME = "kept"
JOINED_SECONDS = 300.0
"""For one more master on a busy host of two cores; 45 s on an idle one."""

_ETCDCTL = """#!/bin/bash
set -euo pipefail
cd /etc/etcd/pki
export ETCDCTL_API=3 ETCDCTL_CACERT=ca.crt ETCDCTL_CERT=server.crt ETCDCTL_KEY=server.key
export ETCDCTL_ENDPOINTS={endpoints}
"""

Json = Mapping[str, Any]


class Kept:
    """A running cluster; `growth` wrote while it grew from one master to three."""

    def __init__(self, stack: Stack, kubeconfig: Path) -> None:
        self.stack = stack
        self.kubeconfig = kubeconfig
        self.growth = Writer(kubeconfig)
        self.ecs = EcsClient(stack.provider)

    # --- a person with kubectl ------------------------------------------------------------------

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Standard output of a successful `kubectl`."""
        return self.stack.kubectl(self.kubeconfig, *arguments, stdin=stdin)

    def refusal(self, *arguments: str, stdin: str | None = None) -> str:
        """Standard error of a `kubectl` that is refused."""
        command = [str(self.stack.kubectl_program), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def edit(self, change: str, *what: str) -> str:
        """`kubectl edit` by a person whose editor is the sed script `change`."""
        return self.stack.kubectl_edit(self.kubeconfig, change, *what)

    def get(self, *what: str) -> Json:
        """An object, or a list of them, as JSON."""
        found: Json = json.loads(self.kubectl("get", *what, "-o", "json"))
        return found

    def ready_nodes(self, selector: str) -> list[str]:
        """Names of the Nodes with these labels that are Ready and take pods."""
        return [
            node["metadata"]["name"]
            for node in self.get("nodes", "-l", selector)["items"]
            if any(
                each["type"] == "Ready" and each["status"] == "True" for each in node["status"]["conditions"]
            )
            and not node["spec"].get("unschedulable")
        ]

    # --- the cloud's console --------------------------------------------------------------------

    def machines(self, role: str, pool: str = "") -> list[Instance]:
        """The cluster's machines of a role, the oldest address first."""
        tags = {
            names.TAG_CLUSTER: NAME,
            names.TAG_ROLE: role,
            **({names.TAG_NODE_POOL: pool} if pool else {}),
        }
        return sorted(
            self.ecs.instances(tags=tags), key=lambda each: [int(part) for part in each.private_ip.split(".")]
        )

    def masters(self) -> list[Instance]:
        """The machines of the masters."""
        return self.machines(names.ROLE_MASTER)

    def on(self, instance_id: str, script: str) -> CommandResult:
        """What a bash script on the machine comes to, sent through Cloud Assistant."""
        invocation = self.ecs.run_command(
            instance_id, script, name="test", timeout_seconds=60, client_token=uuid4().hex
        )
        found: list[CommandResult] = []

        def ended() -> bool:
            result = self.ecs.command_result(invocation, instance_id)
            if result is not None and result.finished:
                found.append(result)
            return bool(found)

        self.stack.until(ended, 90, f"a command on {instance_id}")
        return found[0]

    def with_etcdctl(self, script: str) -> str:
        """The output of a bash script on a master, where `etcdctl` reaches every member. Asserts success."""
        masters = self.masters()
        endpoints = ",".join(f"https://{each.private_ip}:2379" for each in masters)
        result = self.on(masters[0].instance_id, _ETCDCTL.format(endpoints=endpoints) + script)
        assert result.exit_code == 0, result.output
        return result.output

    # --- how it is ------------------------------------------------------------------------------

    def operations(self) -> list[Json]:
        """What was done to the cluster, oldest first."""
        done: list[Json] = json.loads(
            self.stack.wdrip("get", "-r", "operations", "-n", NAME, "-o", "json").out
        )
        return done

    def done_to(self, subject: str, since: datetime) -> list[str]:
        """The kinds of successful operations on a machine since then."""
        return [
            each["what"]
            for each in self.operations()
            if subject in each["subject"]
            and each["outcome"] == "done"
            and datetime.fromisoformat(each["started"]) >= since
        ]

    def await_masters(self, count: int, seconds: float) -> None:
        """Wait until the MasterSet says so, then see that machines, Nodes, etcd and load balancer are so."""
        settled = answered(lambda: self._settled("masterset", "masterset", count))
        self.stack.until(settled, seconds, f"{count} masters")
        machines = self.masters()
        assert len(machines) == count
        expected = sorted(names.node_name(each.private_ip, each.instance_id) for each in machines)
        assert sorted(self.ready_nodes("node-role.kubernetes.io/master")) == expected
        members = self.members()
        assert sorted(member.name for member in members) == expected
        assert all(not member.learner and member.health == "healthy" for member in members), members
        assert len([member for member in members if member.leader]) == 1
        addresses = {each.private_ip for each in machines}
        self.stack.until(lambda: self.serving(addresses) == addresses, 30, f"requests to reach {addresses}")

    def await_pool(self, pool: str, count: int, seconds: float) -> None:
        """Wait until the NodePool says so, then see that machines and Nodes are so."""
        settled = answered(lambda: self._settled("nodepool", pool, count))
        self.stack.until(settled, seconds, f"{count} in {pool}")
        machines = self.machines(names.ROLE_WORKER, pool)
        expected = sorted(names.node_name(each.private_ip, each.instance_id) for each in machines)
        assert len(machines) == count
        assert sorted(self.ready_nodes(f"{names.TAG_NODE_POOL}={pool}")) == expected

    def members(self) -> tuple[EtcdMember, ...]:
        """etcd's members, as a master tells them."""
        told = self.on(self.masters()[0].instance_id, launch(list_etcd_members(), 20))
        found = read_report(told.output)
        assert found is not None, told.output
        return found

    def serving(self, among: set[str]) -> set[str]:
        """The masters that answer behind the load balancer, by the addresses in their certificates."""
        host, port, context = tls_context(self.kubeconfig)
        seen: set[str] = set()
        for _ in range(8 * len(among)):
            with (
                socket.create_connection((host, port), timeout=5) as raw,
                context.wrap_socket(raw, server_hostname=host) as connection,
            ):
                certificate: Any = connection.getpeercert()
                seen |= {value for kind, value in certificate["subjectAltName"] if kind == "IP Address"}
        return seen & {each.private_ip for each in self.masters()}

    def _settled(self, kind: str, name: str, count: int) -> bool:
        found = self.get(kind, name)
        status = found.get("status", {})
        seen = [status.get(each) for each in ("observedGeneration", "phase", "replicas", "readyReplicas")]
        return seen == [found["metadata"]["generation"], "Ready", count, count]


def answered(question: Callable[[], bool]) -> Callable[[], bool]:
    """The question, with the answer no while the API server is away."""

    def asked() -> bool:
        try:
            return question()
        except AssertionError:
            return False

    return asked

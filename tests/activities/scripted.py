"""A cluster's API and machines for the steps: what they hold is plain, and every change is remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.world.cloud import MemoryApi, MemoryCloud, MemoryMachines
from wdrip import names
from wdrip.clients.ecs import CommandResult, Instance, InstanceType, Zone
from wdrip.clients.errors import OutOfStockError
from wdrip.clients.kubernetes import NodeState
from wdrip.errors import PermanentError, TemporaryError

Json = dict[str, Any]

ZONES = ("cn-hangzhou-h", "cn-hangzhou-k")


@dataclass
class ScriptedApi(MemoryApi):
    """Nodes, pools, pods and budgets as JSON; `changes` in order. `down`: it does not answer."""

    node_items: dict[str, Json] = field(default_factory=dict)
    leases: dict[str, str] = field(default_factory=dict)
    """When a Node's kubelet last renewed its lease, by the Node's name."""
    pools: dict[str, Json] = field(default_factory=dict)
    masters: Json | None = None
    pods: list[Json] = field(default_factory=list)
    budgets: list[Json] = field(default_factory=list)
    changes: list[tuple[Any, ...]] = field(default_factory=list)
    down: int = 0

    def _answer(self) -> None:
        if self.down:
            self.down -= 1
            raise TemporaryError("cannot reach the API server")

    def list_nodes(self) -> list[Json]:
        self._answer()
        return list(self.node_items.values())

    def list_node_leases(self) -> list[Json]:
        self._answer()
        return [
            {"metadata": {"name": name}, "spec": {"renewTime": renewed}}
            for name, renewed in self.leases.items()
        ]

    def nodes(self) -> list[NodeState]:
        self._answer()
        return [
            NodeState(name, item["status"]["conditions"][0]["status"] == "True", "", "v1.20.2")
            for name, item in self.node_items.items()
        ]

    def list_pods(self, node: str = "") -> list[Json]:
        return [each for each in self.pods if node in ("", each["spec"]["nodeName"])]

    def list_unassigned_pods(self) -> list[Json]:
        return [each for each in self.pods if not each["spec"]["nodeName"]]

    def list_budgets(self) -> list[Json]:
        return self.budgets

    def master_set(self) -> Json | None:
        self._answer()
        return self.masters

    def node_pools(self) -> list[Json]:
        return list(self.pools.values())

    def node_pool(self, name: str) -> Json | None:
        return self.pools.get(name)

    def node(self, name: str) -> NodeState | None:
        return next((each for each in self.nodes() if each.name == name), None)

    def set_unschedulable(self, node: str, unschedulable: bool) -> bool:
        self.changes.append(("unschedulable", node, unschedulable))
        return node in self.node_items

    def evict(self, namespace: str, pod: str) -> bool:
        self.changes.append(("evict", f"{namespace}/{pod}"))
        self.pods = [each for each in self.pods if each["metadata"]["name"] != pod]
        return True

    def delete_node(self, name: str) -> None:
        self.changes.append(("delete node", name))
        self.node_items.pop(name, None)

    def change_node_pool(self, name: str, changes: Json) -> None:
        self.changes.append(("change", name, changes))

    def delete_pods(self, namespace: str, labels: str) -> None:
        self.changes.append(("delete pods", namespace, labels))

    def set_desired_capacity(self, pool: str, desired: int) -> None:
        self.changes.append(("desired", pool, desired))
        self.pools[pool]["spec"]["infra"]["desiredCapacity"] = desired

    def set_finalizers(self, pool: Json, finalizers: list[str]) -> None:
        self.changes.append(("finalizers", pool["metadata"]["name"], finalizers))
        pool["metadata"]["finalizers"] = finalizers

    def set_status(self, path: str, name: str, status: Mapping[str, Any]) -> None:
        self.changes.append(("status", name))
        found = self.masters if path.endswith("mastersets") else self.pools[name]
        assert found is not None
        found["status"] = dict(status)

    def add_event(self, event: Mapping[str, Any]) -> None:
        self.changes.append(("event", event["metadata"]["name"], event["type"], event["message"]))


@dataclass
class ScriptedMachines(MemoryMachines):
    """Machines with addresses of their own; `sold_out` holds (type, zone)."""

    sold_out: set[tuple[str, str]] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    """Names of machines on which every command fails."""
    failing: set[str] = field(default_factory=set)
    """Names of operations that fail on every machine."""
    silent: bool = False
    """No machine's Cloud Assistant answers a command."""
    report: str = ""
    """What `list-etcd-members` prints."""
    emptied: set[str] = field(default_factory=set)
    """Instance ids of machines whose etcd data are gone."""
    outputs: dict[str, str] = field(default_factory=dict)
    """What an operation prints, by its name."""

    def zones(self) -> list[Zone]:
        types = frozenset({"ecs.c6.xlarge", "ecs.c7.xlarge"})
        return [Zone(zone, types, frozenset({"cloud_essd"})) for zone in ZONES]

    def instance_types(self) -> list[InstanceType]:
        return [InstanceType("ecs.c6.xlarge", 4, 8.0, "X86"), InstanceType("ecs.c7.xlarge", 4, 8.0, "X86")]

    def run_instance(self, *, client_token: str, tags: Mapping[str, str], **wanted: Any) -> str:
        if (wanted["type_id"], wanted["zone_id"]) in self.sold_out:
            raise OutOfStockError(f"no {wanted['type_id']} in {wanted['zone_id']}")
        return super().run_instance(client_token=client_token, tags=tags, **wanted)

    def add(
        self,
        instance_id: str,
        record_tags: Mapping[str, str],
        role: str,
        pool: str = "",
        status: str = "Running",
    ) -> Instance:
        """A machine that is there from the start."""
        tags = {**record_tags, names.TAG_ROLE: role, **({names.TAG_NODE_POOL: pool} if pool else {})}
        number = len(self.machines) + 1
        made = Instance(
            instance_id=instance_id,
            name=instance_id,
            status=status,
            private_ip=f"192.168.0.{number}",
            zone_id=ZONES[-1],
            type_id="ecs.c6.xlarge",
            image_id="image",
            vpc_id="vpc-1",
            tags=tags,
            created=None,
        )
        self.machines[instance_id] = made
        return made

    def start_instance(self, instance_id: str) -> None:
        self._switch(instance_id, "Stopped", "Starting")

    def stop_instance(self, instance_id: str, *, force: bool = False) -> None:
        assert force
        self._switch(instance_id, "Running", "Stopping")

    def instances(self, *, ids: Sequence[str] | None = None, tags: Mapping[str, str]) -> list[Instance]:
        """What is switched is so at the second look."""
        found = super().instances(ids=ids, tags=tags)
        for each in found:
            after = {"Starting": "Running", "Stopping": "Stopped"}.get(each.status, each.status)
            self.machines[each.instance_id] = replace(each, status=after)
        return found

    def _switch(self, instance_id: str, before: str, after: str) -> None:
        machine = self.machines[instance_id]
        if machine.status != before:
            raise PermanentError(f"IncorrectInstanceStatus: {instance_id} is {machine.status}")
        self.machines[instance_id] = replace(machine, status=after)

    def tag_instances(self, instance_ids: Sequence[str], tags: Mapping[str, str]) -> None:
        for instance_id in instance_ids:
            machine = self.machines[instance_id]
            self.machines[instance_id] = replace(machine, tags={**machine.tags, **tags})

    def command_result(self, invocation_id: str, instance_id: str) -> CommandResult | None:
        if self.silent:
            return None
        _, name, _ = self.commands[int(invocation_id.removeprefix("t-")) - 1]
        if self.machines[instance_id].name in self.broken or name in self.failing:
            return CommandResult("t-1", instance_id, "Failed", 1, "it broke", 0, "", "")
        output = self.outputs.get(name, self.certificate if "identity" in name else "member: abc")
        if name == "list-etcd-members":
            output = self.report
        if name == "look-at-etcd-data":
            output = f"etcd data: {'gone' if instance_id in self.emptied else 'there'}"
        return CommandResult("t-1", instance_id, "Success", 0, output, 0, "", "")


class ScriptedCloud(MemoryCloud):
    """A cloud whose machines and API are scripted."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.machines: ScriptedMachines = ScriptedMachines()
        self.api: ScriptedApi = ScriptedApi()


def node_item(name: str, ready: str = "True") -> Json:
    """A Node."""
    return {
        "metadata": {"name": name},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": ready}], "allocatable": {"cpu": "4"}},
    }


def pool_item(name: str = "p", desired: int = 1, generation: int = 1, **more: Any) -> Json:
    """A NodePool."""
    metadata = {"name": name, "generation": generation, "resourceVersion": "1"}
    return {"metadata": metadata, "spec": {"infra": {"desiredCapacity": desired}, **more}}


def pod_item(name: str, node: str, **labels: str) -> Json:
    """A running pod of a ReplicaSet."""
    return {
        "metadata": {
            "namespace": "default",
            "name": name,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": labels,
            "ownerReferences": [{"kind": "ReplicaSet", "controller": True}],
        },
        "spec": {"nodeName": node},
        "status": {"phase": "Running"},
    }


def budget_item(name: str, allowed: int, **labels: str) -> Json:
    """A PodDisruptionBudget on the pods with these labels."""
    return {
        "apiVersion": "policy/v1beta1",
        "metadata": {"namespace": "default", "name": name},
        "spec": {"selector": {"matchLabels": labels}},
        "status": {"disruptionsAllowed": allowed},
    }

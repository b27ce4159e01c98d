"""Telling in the cluster itself what wdrip sees and does."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from temporalio import activity

from activities.access import cluster_api
from activities.clients import Clients
from activities.tasks import StatusTask
from wdrip.clients import cluster_objects as objects
from wdrip.clients.kubernetes import MASTER_SETS, NODE_POOLS, ClusterApi
from wdrip.models.node_pool import Condition, NodePoolStatus
from wdrip.models.observation import MASTERS, Attempt, NodePoolState, Outcome, pool_group
from wdrip.models.resources import API_VERSION, MASTER_SET_NAME, POOL_FINALIZER
from wdrip.models.workload import PoolOutlook
from wdrip.planning.drain import BlockedPod, held
from wdrip.planning.masters_status import masters_status
from wdrip.planning.node_pools import plan_pool
from wdrip.planning.pool_status import pool_status

_MESSAGE = 1000
"""Characters of an Event's message; the API server takes 1024."""


class Status:
    """Writes the status of MasterSet and NodePools, and Events."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def write_status(self, task: StatusTask) -> None:
        """Write the status of MasterSet and NodePools where it says something new, mark new pools with
        wdrip's finalizer, and tell an Event for each attempt."""
        with cluster_api(self._clients, task.record) as api:
            self._master_set(api, task)
            if task.observed.observation.nodes is not None:
                for found in api.node_pools():
                    self._node_pool(api, task, found)
            for attempt in task.done:
                api.add_event(_event(attempt))

    def _master_set(self, api: ClusterApi, task: StatusTask) -> None:
        found = api.master_set()
        state = task.observed.observation.master_set
        if found is None or state is None:
            return
        status = masters_status(task.observed.observation, task.masters, _conditions(found), task.backups)
        _write(api, MASTER_SETS, found, status)

    def _node_pool(self, api: ClusterApi, task: StatusTask, found: dict[str, Any]) -> None:
        observation = task.observed.observation
        name = found["metadata"]["name"]
        pool = next((each for each in observation.node_pools or () if each.name == name), None)
        if pool is None:
            return
        finalizers = found["metadata"].get("finalizers") or []
        if "deletionTimestamp" not in found["metadata"] and POOL_FINALIZER not in finalizers:
            api.set_finalizers(found, [*finalizers, POOL_FINALIZER])
        status = self._status_of(task, pool, _conditions(found), _blocked(api, task, pool.name))
        _write(api, NODE_POOLS, found, status)

    def _status_of(
        self,
        task: StatusTask,
        pool: NodePoolState,
        previous: list[Condition],
        blocked: list[BlockedPod],
    ) -> NodePoolStatus:
        observation = task.observed.observation
        outlook = task.observed.outlooks.get(pool.name, PoolOutlook())
        zones = task.record.config.iaas.all_zones
        decision = plan_pool(observation, pool, task.memory, outlook, zones)
        return pool_status(observation, pool, decision, task.memory, outlook, previous, blocked)


def _blocked(api: ClusterApi, task: StatusTask, pool: str) -> list[BlockedPod]:
    """The pods that budgets hold on those machines of the pool that are being drained."""
    nodes = [
        each.node_name
        for each in task.observed.observation.machines
        if each.node_pool == pool and each.instance_id in task.going
    ]
    if not nodes:
        return []
    budgets = [objects.budget_state(each) for each in api.list_budgets()]
    pods = [[objects.pod_state(each) for each in api.list_pods(node)] for node in nodes]
    return [blocked for on_node in pods for blocked in held(on_node, budgets)]


def _write(api: ClusterApi, path: str, found: Mapping[str, Any], status: Any) -> None:
    """Write a status unless the object has it already."""
    wanted = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    if found.get("status") != wanted:
        api.set_status(path, found["metadata"]["name"], wanted)


def _conditions(found: Mapping[str, Any]) -> list[Condition]:
    return [Condition.model_validate(each) for each in found.get("status", {}).get("conditions") or ()]


def _event(attempt: Attempt) -> dict[str, Any]:
    """An Event on the MasterSet, or on the pool that the attempt was for; its name is the attempt's own."""
    pool = attempt.group.removeprefix(pool_group("")) if attempt.group not in ("", MASTERS) else ""
    kind, name = ("NodePool", pool) if pool else ("MasterSet", MASTER_SET_NAME)
    words = " ".join(filter(None, (attempt.step.value, attempt.subject, attempt.outcome.value)))
    message = f"{words}: {attempt.detail}" if attempt.detail else words
    digest = hashlib.sha256(attempt.model_dump_json().encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{digest}", "namespace": "default"},
        "involvedObject": {"apiVersion": API_VERSION, "kind": kind, "name": name},
        "reason": attempt.step.value,
        "message": message[:_MESSAGE],
        "type": "Normal" if attempt.outcome is Outcome.DONE else "Warning",
        "source": {"component": "wdrip"},
        "firstTimestamp": _second(attempt.finished),
        "lastTimestamp": _second(attempt.finished),
        "count": 1,
    }


def _second(moment: datetime) -> str:
    """As metav1.Time writes it: whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

"""Waiting for a change in the cluster."""

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, Self

from temporalio import activity

from activities.access import cluster_api
from activities.clients import Clients
from activities.tasks import Change, WatchTask
from activities.waiting import Waiting, deadline, pause
from wdrip.clients import cluster_objects as objects
from wdrip.clients.kubernetes import ClusterApi
from wdrip.errors import TemporaryError
from wdrip.models.cluster import ClusterRecord
from wdrip.planning.autoscaling import waiting_pods

LOOK_SECONDS = 1.0
"""Between two looks: three short lists from the API server's own cache, and one of pods where a pool is
autoscaled."""

LOOK_SECONDS_WITHOUT_API = 10.0
"""While it does not answer; the other decisions do not wait for this."""

AWAY_SECONDS = 20.0
"""Without an answer for so long the API server counts as away, which is a change worth a look. A restart or a
load balancer that changes takes less."""

PODS_SECONDS = 10
"""How exactly the newest waiting pod is told: pods that come one after the other must not make a look follow
the other at once."""

API = "api"
"""Key of what is seen while it is away; it is not there while it answers."""


class Watch:
    """Watches the objects that decisions depend on."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def await_change(self, task: WatchTask) -> Change:
        """Return when MasterSet, NodePools or Nodes changed in a way that matters, when the API server went
        away or came back, or when the time is up.

        Raises PermanentError when it refuses for good.
        """
        since, until = datetime.now(UTC), deadline()
        answered = since
        if task.until is not None:
            until = min(until, task.until)
        seen = dict(task.seen)
        with _Glances(self._clients, task.record) as glances:
            while True:
                if activity.is_worker_shutdown():
                    # Else every stop of a worker would take its whole grace period.
                    raise TemporaryError("the worker stops; another one watches on", retry_after=0.1)
                found = glances.take()
                if found is not None:
                    answered = datetime.now(UTC)
                elif (datetime.now(UTC) - answered).total_seconds() >= AWAY_SECONDS:
                    found = {**seen, API: "away"}
                if found is not None and not seen:
                    seen = found
                changed = _difference(seen, found) if found is not None else ()
                if changed and found is not None:
                    return Change(seen=found, changed=changed)
                if datetime.now(UTC) >= until:
                    return Change(seen=seen)
                away = found is None or API in found
                words = "the API server does not answer" if away else "no change"
                activity.heartbeat(Waiting(waiting_for="a change", since=since, until=until, seen=words))
                left = (until - datetime.now(UTC)).total_seconds()
                pause(max(0.1, min(left, LOOK_SECONDS_WITHOUT_API if away else LOOK_SECONDS)))


class _Glances:
    """Looks through one session, opened anew after each that failed."""

    def __init__(self, clients: Clients, record: ClusterRecord) -> None:
        self._clients = clients
        self._record = record
        self._session = ExitStack()
        self._api: ClusterApi | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._session.close()

    def take(self) -> dict[str, str] | None:
        """What matters; None when the API server does not answer."""
        try:
            if self._api is None:
                self._api = self._session.enter_context(cluster_api(self._clients, self._record))
            return what_matters(self._api, datetime.now(UTC))
        except TemporaryError:
            self._session.close()
            self._api = None
            return None


def what_matters(api: ClusterApi, now: datetime) -> dict[str, str]:
    """Key `<plural>/<name>` to what of the object is worth another look when it changes, and `pods` to the
    newest pod that an autoscaled pool may grow for."""
    master_set, pools = api.master_set(), api.node_pools()
    scaled = any("autoscaling" in each["spec"] for each in pools)
    return {
        **({f"mastersets/{_name(master_set)}": _generation(master_set)} if master_set else {}),
        **{f"nodepools/{_name(each)}": _generation(each) for each in pools},
        **{f"nodes/{_name(each)}": _readiness(each) for each in api.list_nodes()},
        **(_newest_waiting(api, now) if scaled else {}),
    }


def _newest_waiting(api: ClusterApi, now: datetime) -> dict[str, str]:
    pods = [objects.pod_state(each) for each in api.list_unassigned_pods()]
    moments = [each.unschedulable_since for each in waiting_pods(pods, now)]
    newest = max((each.timestamp() for each in moments if each is not None), default=None)
    return {} if newest is None else {"pods": f"waiting since {newest // PODS_SECONDS * PODS_SECONDS:.0f}"}


def _difference(before: dict[str, str], now: dict[str, str]) -> tuple[str, ...]:
    return tuple(sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key)))


def _name(item: dict[str, Any]) -> str:
    return str(item["metadata"]["name"])


def _generation(item: dict[str, Any]) -> str:
    """A spec's generation; the wish to delete it raises it, too."""
    metadata = item["metadata"]
    deleting = " deleting" if "deletionTimestamp" in metadata else ""
    return f"{metadata.get('generation', 0)}{deleting}"


def _readiness(node: dict[str, Any]) -> str:
    conditions = node.get("status", {}).get("conditions") or ()
    ready = next((each["status"] for each in conditions if each["type"] == "Ready"), "none")
    return f"{ready}{' unschedulable' if node.get('spec', {}).get('unschedulable') else ''}"

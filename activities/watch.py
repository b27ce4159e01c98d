"""Waiting for a change in the cluster."""

from datetime import UTC, datetime
from typing import Any

from temporalio import activity

from activities.access import cluster_api
from activities.clients import Clients
from activities.tasks import Change, WatchTask
from activities.waiting import Waiting, deadline, pause
from wdrip.clients.kubernetes import ClusterApi
from wdrip.errors import TemporaryError
from wdrip.models.cluster import ClusterRecord

LOOK_SECONDS = 2.0
"""Between two looks: three short lists from the API server's own cache."""

LOOK_SECONDS_WITHOUT_API = 10.0
"""While it does not answer; the other decisions do not wait for this."""


class Watch:
    """Watches the objects that decisions depend on."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn(no_thread_cancel_exception=True)
    def await_change(self, task: WatchTask) -> Change:
        """Return when MasterSet, NodePools or Nodes changed in a way that matters, or the time is up.

        An API server that does not answer is waited for. Raises PermanentError when it refuses for good.
        """
        since, until = datetime.now(UTC), deadline()
        if task.until is not None:
            until = min(until, task.until)
        seen = dict(task.seen)
        while True:
            if activity.is_worker_shutdown():
                # Else every stop of a worker would take its whole grace period.
                raise TemporaryError("the worker stops; another one watches on", retry_after=0.1)
            found = self._look(task.record)
            if found is not None and not seen:
                seen = found
            changed = _difference(seen, found) if found is not None else ()
            if changed and found is not None:
                return Change(seen=found, changed=changed)
            if datetime.now(UTC) >= until:
                return Change(seen=seen)
            words = "no change" if found is not None else "the API server does not answer"
            activity.heartbeat(Waiting(waiting_for="a change", since=since, until=until, seen=words))
            left = (until - datetime.now(UTC)).total_seconds()
            pause(max(0.1, min(left, LOOK_SECONDS if found is not None else LOOK_SECONDS_WITHOUT_API)))

    def _look(self, record: ClusterRecord) -> dict[str, str] | None:
        try:
            with cluster_api(self._clients, record) as api:
                return what_matters(api)
        except TemporaryError:
            return None


def what_matters(api: ClusterApi) -> dict[str, str]:
    """Key `<plural>/<name>` to what of the object is worth another look when it changes."""
    master_set = api.master_set()
    return {
        **({f"mastersets/{_name(master_set)}": _generation(master_set)} if master_set else {}),
        **{f"nodepools/{_name(each)}": _generation(each) for each in api.node_pools()},
        **{f"nodes/{_name(each)}": _readiness(each) for each in api.list_nodes()},
    }


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

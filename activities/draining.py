"""Emptying a Node by evictions, round by round, as `wdrip/planning/drain.py` says."""

from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.waiting import Waiting, pause
from wdrip.clients import cluster_objects as objects
from wdrip.clients.kubernetes import ClusterApi
from wdrip.models.node_pool import DrainPolicy
from wdrip.planning.drain import DrainOutcome, DrainRound, plan_drain

ROUND_SECONDS = 3.0
"""Between two rounds: pods mostly take longer to end, and budgets are counted anew within a second."""


def drain(api: ClusterApi, node: str, policy: DrainPolicy) -> DrainRound:
    """Cordon the Node and evict until a round is the last one; that round. A Node that is gone is empty.

    The policy's time counts from when the activity was first scheduled, so that a repetition gives no more.
    """
    since = activity.info().scheduled_time
    until = since + timedelta(seconds=policy.timeout_seconds)
    if not api.set_unschedulable(node, True):
        return DrainRound(DrainOutcome.EMPTY, message=f"there is no Node {node}")
    while True:
        found = _round(api, node, policy, since)
        if found.outcome is not DrainOutcome.GOES_ON:
            return found
        activity.heartbeat(
            Waiting(waiting_for=f"{node} to be empty", since=since, until=until, seen=found.message)
        )
        for pod in found.evict:
            api.evict(pod.namespace, pod.name)
        pause(ROUND_SECONDS)


def _round(api: ClusterApi, node: str, policy: DrainPolicy, since: datetime) -> DrainRound:
    state = api.node(node)
    return plan_drain(
        [objects.pod_state(each) for each in api.list_pods(node)],
        [objects.budget_state(each) for each in api.list_budgets()],
        policy,
        since,
        datetime.now(UTC),
        kubelet_answers=state is not None and state.ready,
    )

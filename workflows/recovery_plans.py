"""The steps of a recovery: words and deadlines.

The longest leave room for etcd's largest database, 8 GiB, at 10 MB/s.
"""

from collections.abc import Mapping
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from wdrip.models.recovery import RecoveryStep as Step
from workflows.board import StepPlan

_UNDONE = "the recovery ends, what it built is removed, and the old machines are as they were"
_GOES_ON = "the recovery goes on, and what is left to do is told"


def _plan(step: Step, title: str, waiting_for: str, minutes: int, then: str = _UNDONE) -> StepPlan:
    return StepPlan(str(step), title, waiting_for, timedelta(minutes=minutes), then)


_PLANS = (
    _plan(Step.PAUSE_AUTOMATION, "Pause the scheduled backups", "Temporal to pause the schedule", 5),
    _plan(Step.BACK_UP_TARGET, "Back up what is there now", "a backup of the target's own state", 30),
    _plan(Step.STAGE_IDENTITY, "Lay the cluster's identity ready", "the bucket's sealed secrets", 5),
    _plan(
        Step.BUILD_MASTER,
        "Build a master beside what is there",
        "the machine to run, and the software and keys on it",
        30,
    ),
    _plan(
        Step.PROVE_BACKUP,
        "Prove that the backup restores",
        "the backup to be restored into an etcd of its own, and read",
        60,
    ),
    _plan(Step.RESTORE_ETCD, "Restore etcd", "the restored etcd to be healthy and to hold all", 60),
    _plan(Step.SET_OLD_ASIDE, "Set the old machines aside", "the old machines to be stopped", 15),
    _plan(
        Step.START_CONTROL_PLANE,
        "Start the control plane",
        "kubeadm init upon the restored etcd, and the API server's health",
        20,
    ),
    _plan(Step.CLEAN_STALE, "Clean what is stale", "Nodes and leases of machines that are gone to go", 10),
    _plan(Step.CHECK_API, "See the new master Ready", "its Node to be Ready", 10),
    _plan(Step.ADOPT_IDENTITY, "Adopt the identity", "the bucket to take the secrets", 5),
    _plan(
        Step.SWITCH_ENDPOINT,
        "Lead everybody to the new master",
        "the ROS stack to take it over and the API server to answer through the load balancer",
        20,
    ),
    _plan(
        Step.BIND_TO_TARGET,
        "Bind the node pools to this cloud",
        "the API server to take the changed NodePools",
        10,
        _GOES_ON,
    ),
    _plan(
        Step.RENEW_WATCHERS,
        "Renew what runs on the workers",
        "kubelet and kube-proxy to be restarted on each worker",
        15,
        _GOES_ON,
    ),
    _plan(Step.AWAIT_WORKERS, "Wait for the workers", "every running worker to be Ready", 5, _GOES_ON),
    _plan(Step.RESUME_AUTOMATION, "Resume the scheduled backups", "Temporal to resume them", 5, _GOES_ON),
)

RECOVERY_PLANS: Mapping[Step, StepPlan] = {Step(plan.name): plan for plan in _PLANS}
"""Those of `RecoveryPlan.steps` that the recovery itself carries out; see KEPT_LATER for the others."""

RELEASE_MASTER = StepPlan(
    "release-master",
    "Remove what was built",
    "the recovery's machine to be gone",
    timedelta(minutes=15),
    "the message says what is left",
)
TAKE_OLD_BACK = StepPlan(
    "take-old-back",
    "Start the old machines again",
    "the old machines to run",
    timedelta(minutes=15),
    "the message says what is left",
)
PUT_IDENTITY_BACK = StepPlan(
    "put-identity-back",
    "Put the former identity back",
    "the bucket to answer",
    timedelta(minutes=5),
    "the message says what is left",
)
SWITCH_BACK = StepPlan(
    "switch-back",
    "Lead everybody back to the old masters",
    "the ROS stack to take them over",
    timedelta(minutes=15),
    "the message says what is left",
)
RESUME = StepPlan(
    "resume-backups",
    "Resume the scheduled backups after all",
    "Temporal to resume them",
    timedelta(minutes=5),
    "the message says what is left",
)

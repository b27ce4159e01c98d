"""The steps of create and delete: names, words and deadlines.

The deadlines leave a slow region several times what Alibaba Cloud usually takes; they bound how long money
is spent on something that will not come.
"""

from datetime import timedelta

from workflows.board import StepPlan


def _minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


VALIDATE = StepPlan(
    "validate",
    "Check the configuration against the cloud",
    "the cloud's answers about credentials, region, zone, image, instance type, disk and package",
    # A person waits for this one; a throttled call is let through again within a minute.
    _minutes(2),
    "the create is refused",
)
REGISTER = StepPlan("register", "Write the index entry", "the bucket to accept the index entry", _minutes(5))
SECRETS = StepPlan("secrets", "Issue the cluster's secrets", "the sealed bundle to be stored", _minutes(5))
STACK = StepPlan(
    "infrastructure", "Create network and load balancer", "the ROS stack to be complete", _minutes(30)
)
MACHINE = StepPlan(
    "machine",
    "Start the first master",
    "the machine to run and its Cloud Assistant to answer",
    _minutes(15),
)
IDENTITY = StepPlan("identity", "Make the machine's key", "the machine's certificate", _minutes(5))
PACKAGE = StepPlan(
    "package", "Install the software package", "download, check and installation", _minutes(20)
)
ENDPOINT = StepPlan(
    "endpoint",
    "Put the machine behind the load balancer",
    "the ROS stack to take over the machine",
    _minutes(15),
)
HANDOVER = StepPlan(
    "handover", "Hand the secrets to the machine", "the machine to decrypt its secrets", _minutes(5)
)
ETCD = StepPlan("etcd", "Start etcd with TLS", "etcd to be healthy", _minutes(10))
CONTROL_PLANE = StepPlan(
    "control-plane", "Start the control plane", "kubeadm init and the API server's health", _minutes(15)
)
POD_NETWORK = StepPlan(
    "pod-network", "Configure the pod network", "the node's pod range and its CNI configuration", _minutes(10)
)
READY = StepPlan(
    "ready",
    "See the node Ready through the public endpoint",
    "the Node to be Ready, seen through the public endpoint",
    _minutes(10),
)
OBJECTS = StepPlan(
    "objects", "Define MasterSet and NodePool", "the API server to establish both kinds", _minutes(5)
)
SCHEDULE = StepPlan("backups", "Schedule the backups", "Temporal to accept the schedule", _minutes(5))
RECORD = StepPlan("record", "Record the endpoints", "the bucket to accept the index entry", _minutes(5))

INFRASTRUCTURE_STEPS = (STACK,)
FIRST_MASTER_STEPS = (MACHINE, IDENTITY, PACKAGE, ENDPOINT, HANDOVER, ETCD, CONTROL_PLANE, POD_NETWORK)
CREATE_STEPS = (
    VALIDATE,
    REGISTER,
    SECRETS,
    *INFRASTRUCTURE_STEPS,
    *FIRST_MASTER_STEPS,
    READY,
    OBJECTS,
    SCHEDULE,
    RECORD,
)

_LEFT = "what remains is told and the index entry stays, so that the delete can be asked for again"
DELETE_SCHEDULE = StepPlan(
    "delete-schedule", "End the scheduled backups", "Temporal to delete the schedule", _minutes(5), _LEFT
)
DELETE_BACKUPS = StepPlan(
    "delete-backups", "Delete the backups", "the bucket to delete every object", _minutes(20), _LEFT
)
DELETE_MACHINES = StepPlan(
    "delete-machines", "Delete the machines", "every machine of the cluster to be gone", _minutes(20), _LEFT
)
DELETE_STACK = StepPlan(
    "delete-stack",
    "Delete network and load balancer",
    "the ROS stack to be gone",
    _minutes(30),
    _LEFT,
)
DELETE_SECRETS = StepPlan(
    "delete-secrets", "Delete the cluster's secrets", "the bucket to answer", _minutes(5), _LEFT
)
CONFIRM_GONE = StepPlan(
    "confirm",
    "See that nothing billed remains",
    "the cloud's lists of machines and stacks",
    _minutes(5),
    _LEFT,
)
DELETE_ENTRY = StepPlan("delete-entry", "Remove the index entry", "the bucket to answer", _minutes(5), _LEFT)
MARK_DELETING = StepPlan(
    "mark-deleting", "Mark the cluster as being deleted", "the bucket to answer", _minutes(5), _LEFT
)

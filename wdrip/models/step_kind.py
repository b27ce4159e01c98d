"""The kinds of step that a decision can ask for and that the workflows carry out."""

from enum import StrEnum


class StepKind(StrEnum):
    """One change to a cluster. Each is idempotent, and ends by itself: with an outcome, or at its deadline.

    What stands behind each is told in docs/operations/masters.md and healing.md.
    """

    # Masters, on the way in.
    LAUNCH_MASTER = "LaunchMaster"
    """Start the masters' machines of `launches` side by side, up to the installed software."""
    JOIN_ETCD = "JoinEtcd"
    """Install, hand over secrets, add the machine as a learner, start its etcd on an empty directory."""
    PROMOTE_MEMBER = "PromoteMember"
    """Make a caught-up learner a voter. etcd itself refuses one that is behind."""
    JOIN_CONTROL_PLANE = "JoinControlPlane"
    """`kubeadm join` as masters of `instance_ids`, side by side, up to the Nodes being there."""

    # Masters, on the way out, and all along.
    SET_BACKENDS = "SetBackends"
    """Have exactly `instance_ids` behind the load balancer."""
    MOVE_LEADER = "MoveLeader"
    """Give etcd's leadership from this machine's member to `to_member_id`."""
    REMOVE_MEMBER = "RemoveMember"
    """Take the member out of etcd; one that is gone already is success."""
    BACK_UP = "BackUp"
    """Take a backup and check its structure."""

    # Any machine.
    DRAIN = "Drain"
    """Cordon, and evict what can be evicted until the deadline; what is left is told, not waited for."""
    UNCORDON = "Uncordon"
    START_MACHINE = "StartMachine"
    RESTART_SERVICES = "RestartServices"
    """Restart containerd and the kubelet, and on a master an etcd that is not healthy."""
    REBOOT = "Reboot"
    REPLACE_SYSTEM_DISK = "ReplaceSystemDisk"
    """Begin anew on a fresh disk, under the same identity and address. Joining comes after it."""
    JOIN_WORKER = "JoinWorker"
    """Install and `kubeadm join` as a worker, up to the Node being there."""
    DELETE_MACHINE = "DeleteMachine"
    DELETE_NODE = "DeleteNode"

    # Node pools; what they mean in full is told in docs/operations/node-pools.md.
    GROW_POOLS = "GrowPools"
    """Start the machines of `launches` side by side, install and join each, up to a Ready Node. One that
    fails does not hold the others up; each is remembered as an attempt of its own."""
    SHRINK_POOL = "ShrinkPool"
    """Set desiredCapacity when `desired` is given; then, for each of `instance_ids` side by side: cordon,
    drain (planning/drain.py), ask again whether it still has to go, delete the machine, delete its Node."""
    SET_DESIRED = "SetDesired"
    """Write the autoscaler's `desired` to the pool's desiredCapacity."""
    RELEASE_POOL = "ReleasePool"
    """Take wdrip's finalizer off a pool that has no machine left."""

"""Which etcd member a backup is taken from."""

from collections.abc import Sequence

from wdrip.errors import PermanentError, TemporaryError
from wdrip.models.observation import EtcdMember, Health


def backup_source(members: Sequence[EtcdMember]) -> EtcdMember:
    """The healthy voter to take a snapshot from: not the leader when there is a choice, then the newest data.

    Raises TemporaryError when no member is fit: then the quorum is in danger and a backup would only disturb.
    """
    fit = [each for each in members if each.started and not each.learner and each.health is Health.HEALTHY]
    if not fit:
        raise TemporaryError("no etcd member is healthy, so no backup can be taken from one")
    return min(fit, key=lambda each: (each.leader, -(each.revision or 0), each.name))


def surviving_source(members: Sequence[EtcdMember], beyond: int) -> EtcdMember:
    """The voter to take a snapshot from when etcd has lost its quorum: the one that holds most.

    Raises PermanentError when none that answers holds a later revision than `beyond`.
    """
    told = [(each.revision or 0, each) for each in members if each.started and not each.learner]
    revision, found = max(told, key=lambda each: each[0], default=(0, None))
    if found is None or revision <= beyond:
        raise PermanentError(f"no living member of etcd holds more than revision {beyond}")
    return found

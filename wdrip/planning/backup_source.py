"""Which etcd member a backup is taken from."""

from collections.abc import Sequence

from wdrip.errors import TemporaryError
from wdrip.models.observation import EtcdMember, Health


def backup_source(members: Sequence[EtcdMember]) -> EtcdMember:
    """The healthy voter to take a snapshot from: not the leader when there is a choice, then the newest data.

    Raises TemporaryError when no member is fit: then the quorum is in danger and a backup would only disturb.
    """
    fit = [each for each in members if each.started and not each.learner and each.health is Health.HEALTHY]
    if not fit:
        raise TemporaryError("no etcd member is healthy, so no backup can be taken from one")
    return min(fit, key=lambda each: (each.leader, -(each.revision or 0), each.name))

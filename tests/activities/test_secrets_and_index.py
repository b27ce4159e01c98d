"""What lies in the bucket: sealed secrets and the index entry."""

import json

import pytest

from activities.index import Index
from activities.secrets import Secrets, read_bundle
from activities.tasks import SecretsTask
from tests.activities.conftest import Run
from tests.world.cloud import MemoryCloud
from wdrip.errors import InvalidInput, PermanentError
from wdrip.models.cluster import ClusterRecord
from wdrip.security.sealing import load_key, seal

REFERENCE = "wdrip/transit/t.sealed"
TOKEN = "abcdef.0123456789abcdef"


@pytest.fixture
def task(cloud: MemoryCloud, record: ClusterRecord) -> SecretsTask:
    """A token waits in transit."""
    key = load_key(cloud.provider("alibaba.test"))
    cloud.oss.objects[REFERENCE] = seal(TOKEN.encode(), key, REFERENCE)
    return SecretsTask(record=record, token_reference=REFERENCE)


def test_secrets_are_sealed_with_the_given_token_which_leaves_transit(
    cloud: MemoryCloud, run: Run, task: SecretsTask
) -> None:
    assert run(Secrets(cloud.clients()).issue_secrets, task) is None

    assert REFERENCE not in cloud.oss.objects
    sealed = cloud.oss.objects["wdrip/secrets/c1.sealed"]
    assert TOKEN.encode() not in sealed
    assert b"PRIVATE KEY" not in sealed
    assert read_bundle(cloud.clients(), task.record).kubeadm_token == TOKEN


def test_a_repeated_issue_keeps_what_the_first_one_made(
    cloud: MemoryCloud, run: Run, task: SecretsTask
) -> None:
    run(Secrets(cloud.clients()).issue_secrets, task)
    first = cloud.oss.objects["wdrip/secrets/c1.sealed"]
    run(Secrets(cloud.clients()).issue_secrets, task)

    assert cloud.oss.objects["wdrip/secrets/c1.sealed"] == first


def test_a_token_that_is_gone_cannot_be_replaced_by_another(
    cloud: MemoryCloud, run: Run, task: SecretsTask
) -> None:
    del cloud.oss.objects[REFERENCE]

    with pytest.raises(PermanentError, match="not in transit any more"):
        run(Secrets(cloud.clients()).issue_secrets, task)


def test_a_name_is_claimed_once_and_again_by_the_same_cluster(
    cloud: MemoryCloud, run: Run, record: ClusterRecord
) -> None:
    index = Index(cloud.clients())
    run(index.claim_name, record)
    run(index.claim_name, record)

    with pytest.raises(InvalidInput, match="c1 already exists"):
        run(index.claim_name, record.model_copy(update={"uid": "another"}))
    entry = json.loads(cloud.oss.objects["wdrip/clusters/c1.json"])
    assert entry["uid"] == "uid-1"
    assert "kubeadmToken" not in json.dumps(entry)


def test_only_the_cluster_s_own_entry_is_removed(cloud: MemoryCloud, run: Run, record: ClusterRecord) -> None:
    index = Index(cloud.clients())
    run(index.claim_name, record)
    run(index.remove_record, record.model_copy(update={"uid": "another"}))
    assert "wdrip/clusters/c1.json" in cloud.oss.objects

    run(index.remove_record, record)
    run(index.remove_record, record)
    assert "wdrip/clusters/c1.json" not in cloud.oss.objects

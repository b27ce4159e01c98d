"""The guide's two recoveries on real machines: what the backup held is back, nothing old goes too early."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import GuideConfig
from tests.e2e.leftovers import assert_nothing_left
from tests.e2e.stack import Stack
from tests.world.guide import NODE_POOL
from wdrip import names
from wdrip.clients.ecs import EcsClient
from wdrip.clients.oss import Bucket

pytestmark = [pytest.mark.machines, pytest.mark.timeout(900)]

OLD, NEW = "kubernetes-wdrip-120", "kubernetes-wdrip-121"
POLICY = "backup:\n  intervalSeconds: 86400\n  keep: 40\n  encrypt: true\n"
"""Rarely, so that no backup but the tests' own and those before changes come; and none of them goes.
Encrypted, so that other machines have to decrypt what they restore."""

POD = """
apiVersion: v1
kind: Pod
metadata: {generateName: made-afterwards-}
spec:
  containers:
  - name: main
    image: registry-vpc.cn-hangzhou.aliyuncs.com/acs/kube-proxy:v1.20.2
    imagePullPolicy: Never
    command: [/bin/busybox, sleep, "100000"]
"""


@dataclass
class Cluster:
    """One cluster, and how a person reaches it."""

    stack: Stack
    name: str
    folder: Path
    token: str = ""
    """Of a service account, from before any recovery."""

    def log_in(self) -> None:
        """Write the kubeconfig; anew after a recovery onto another cluster."""
        self.stack.wdrip("get", "-r", "kubeconfig", "-n", self.name, "-w", str(self._kubeconfig))

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Standard output of kubectl."""
        return self.stack.kubectl(self._kubeconfig, *arguments, stdin=stdin)

    def objects(self) -> set[str]:
        """The default namespace's ConfigMaps and Secrets that the tests made."""
        found = self.kubectl("get", "configmap,secret", "-o", "name", "-l", "made-by=test")
        return {each.partition("/")[2] for each in found.split()}

    def make(self, kind: str, name: str) -> None:
        """A ConfigMap or Secret."""
        self.kubectl("create", *kind.split(), name, "--from-literal=key=value")
        self.kubectl("label", kind.split(maxsplit=1)[0], name, "made-by=test")

    def back_up(self) -> str:
        """Take a backup; its date."""
        (row,) = self.stack.wdrip("backup", "-n", self.name).out.splitlines()[1:]
        return row.split()[2]

    def recover(self, *arguments: str, fails: int = 0) -> str:
        """`wdrip recover`; what it said."""
        said = self.stack.wdrip("recover", "-n", self.name, "--yes", *arguments, fails=fails)
        return said.out + said.err

    def instances(self, role: str) -> set[str]:
        """Instance ids of the machines with that role."""
        tags = {names.TAG_CLUSTER: self.name, names.TAG_ROLE: role}
        return {each.instance_id for each in EcsClient(self.stack.provider).instances(tags=tags)}

    def delete_machines(self, role: str) -> None:
        """As somebody does in the console."""
        ecs = EcsClient(self.stack.provider)
        for instance_id in self.instances(role):
            ecs.delete_instance(instance_id)

    def until_ready(self, role: str, count: int) -> None:
        """Wait until so many machines of that role are there, and all their Nodes are Ready."""

        def ready() -> bool:
            found = self.instances(role)
            return len(found) == count and all(self._nodes().get(each) for each in found)

        self.stack.until(ready, 300, f"{count} {role}s of {self.name} to be Ready")

    def knows_token(self) -> bool:
        """Whether the API server takes the token from before for genuine."""
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": self.token},
        }
        answer = json.loads(self.kubectl("create", "-o", "json", "-f", "-", stdin=json.dumps(review)))
        return bool(answer["status"].get("authenticated"))

    def run_pod(self) -> None:
        """A new pod comes to run."""
        pod = self.kubectl("create", "-o", "name", "-f", "-", stdin=POD).strip()
        self.kubectl("wait", "--for=condition=Ready", pod, "--timeout=120s")

    @property
    def _kubeconfig(self) -> Path:
        return self.folder / f"{self.name}.conf"

    def _nodes(self) -> dict[str, bool]:
        """Instance id to whether its Node is Ready."""
        items = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]
        return {
            each["metadata"]["name"].rpartition(".")[2]: any(
                (one["type"], one["status"]) == ("Ready", "True") for one in each["status"]["conditions"]
            )
            for each in items
        }


def create(stack: Stack, name: str, folder: Path) -> Cluster:
    config = GuideConfig(stack, folder).write(name)
    config.write_text(config.read_text() + POLICY)
    stack.wdrip("create", "--wait", "--config", str(config))
    cluster = Cluster(stack, name, folder)
    cluster.log_in()
    return cluster


@pytest.fixture(scope="module")
def old(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The guide's cluster with a node pool, a Secret, a ConfigMap and a service account's token."""
    cluster = create(stack, OLD, tmp_path_factory.mktemp("old"))
    cluster.kubectl("apply", "-f", "-", stdin=NODE_POOL)
    cluster.make("secret generic", "secret-before")
    cluster.make("configmap", "before")
    # A new cluster has no service account before its controllers have made it.
    cluster.until_ready(names.ROLE_WORKER, 1)
    account = json.loads(cluster.kubectl("get", "serviceaccount", "default", "-o", "json"))
    encoded = (
        "get",
        "secret",
        account["secrets"][0]["name"],
        "-o",
        "go-template={{.data.token|base64decode}}",
    )
    cluster.token = cluster.kubectl(*encoded)
    yield cluster
    if OLD in stack.wdrip("get").out:
        stack.wdrip("delete", "-n", OLD, "--delete-backups", "--yes", "--wait")


@pytest.fixture(scope="module")
def small(old: Cluster) -> str:
    """Date of a backup of the time when OLD had one master."""
    return old.back_up()


def test_all_masters_deleted_at_once_come_back(old: Cluster, small: str) -> None:
    old.kubectl("scale", "masterset", "masterset", "--replicas", "3")
    old.until_ready(names.ROLE_MASTER, 3)
    workers = old.instances(names.ROLE_WORKER)
    old.make("configmap", "at-the-backup")
    date = old.back_up()
    old.make("configmap", "after")
    old.delete_machines(names.ROLE_MASTER)
    said = old.recover()

    assert f"recovered from backup {date} of {OLD}" in said
    assert "what is lost: every change after" in said
    assert old.objects() == {"secret-before", "before", "at-the-backup"}
    assert old.instances(names.ROLE_WORKER) == workers
    old.until_ready(names.ROLE_WORKER, 1)
    assert old.knows_token()
    old.run_pod()
    old.until_ready(names.ROLE_MASTER, 3)


def test_a_lost_quorum_is_offered_what_its_survivor_holds(old: Cluster) -> None:
    """Two of three masters are gone: wdrip waits for consent; the third one's data beat any backup."""
    old.make("configmap", "only-on-the-survivor")
    first, second, survivor = sorted(old.instances(names.ROLE_MASTER))
    for instance_id in (first, second):
        EcsClient(old.stack.provider).delete_instance(instance_id)
    old.stack.until(
        lambda: "approval of a recovery" in old.stack.progress(OLD)["waiting_for"], 400, "the offer"
    )
    assert old.instances(names.ROLE_MASTER) == {survivor}
    old.stack.wdrip("approve", "-n", OLD, "--yes")

    assert "only-on-the-survivor" in old.objects()
    assert old.instances(names.ROLE_RETIRED) == {survivor}
    # As many masters as wanted are there at once, so that the old one may go.
    old.kubectl("scale", "masterset", "masterset", "--replicas", "1")
    old.until_ready(names.ROLE_MASTER, 1)
    old.stack.until(lambda: not old.instances(names.ROLE_RETIRED), 120, "the survivor to be retired")


def test_a_bad_backup_is_refused_by_name_and_nothing_is_destroyed(old: Cluster, small: str) -> None:
    dates = [old.back_up() for _ in range(3)]
    bucket = Bucket(old.stack.provider)
    flipped, truncated, missing = (names.backup_key(OLD, date) for date in dates)
    content = bucket.get(flipped)
    assert content is not None
    bucket.put(flipped, content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    bucket.put(truncated, b"")
    bucket.delete(missing)
    before = {role: old.instances(role) for role in (names.ROLE_MASTER, names.ROLE_WORKER)}
    calls = len(old.stack.admin.calls("ecs"))

    assert "it has 0 bytes" in old.recover("--backup", dates[1], fails=2)
    assert "missing from the bucket" in old.recover("--backup", dates[2], fails=2)
    said = old.recover("--backup", dates[0], fails=1)
    assert f"backup {dates[0]} of {OLD} does not restore" in said
    assert "is offered instead" in said
    stopped = [each["action"] for each in old.stack.admin.calls("ecs")[calls:]]
    assert "StopInstance" not in stopped
    assert {role: old.instances(role) for role in before} == before
    assert old.instances(names.ROLE_COMING) == set()
    assert old.knows_token()


def test_onto_another_cluster_whatever_crashes_meanwhile(
    old: Cluster, small: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stack = old.stack
    new = create(stack, NEW, tmp_path_factory.mktemp("new"))
    new.make("configmap", "of-the-new-one")
    first = new.instances(names.ROLE_MASTER)
    stack.wdrip("delete", "-n", OLD, "--yes", "--wait")
    new.recover("-f", OLD, "--backup", small, "--no-wait")
    crashes = {"worker": "build-master", "localcloud": "restore-etcd", "temporal": "start-control-plane"}
    stack.crash_each(NEW, crashes)
    stack.wdrip("watch", "--name", NEW)
    new.log_in()
    new.token = old.token

    assert new.objects() == {"secret-before", "before"}
    assert new.knows_token()
    new.until_ready(names.ROLE_WORKER, 1)
    new.run_pod()
    new.until_ready(names.ROLE_MASTER, 1)
    stack.until(lambda: not new.instances(names.ROLE_RETIRED), 120, "the old machines to be gone")
    assert new.instances(names.ROLE_MASTER).isdisjoint(first)
    assert new.instances(names.ROLE_COMING) == set()
    stack.wdrip("delete", "-n", NEW, "--delete-backups", "--yes", "--wait")
    assert_nothing_left(stack, NEW)

"""What the activities of a recovery work upon: a running cluster on a scripted cloud, and backups."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from activities.tasks import RecoverTask
from tests.activities.scripted import ScriptedCloud
from tests.wdrip.backup_entries import entry
from tests.world.guide import guide_config
from wdrip import names
from wdrip.clients.backup_store import BackupStore
from wdrip.clients.ecs import Instance
from wdrip.models.backup import BackupEntry, Standing
from wdrip.models.cluster import ClusterRecord, Machine
from wdrip.models.recovery import RecoveryPlan
from wdrip.planning.recovery import recovery_steps
from wdrip.security.bundle import SecretsBundle
from wdrip.security.sealing import load_key, seal, unseal

NEWEST, OLDER = "20211002-1024", "20211002-1014"
ATTEMPT = "attempt"
SNAPSHOT = b"a snapshot of etcd"
OLD = "old"
"""Another cluster, whose backups are brought onto this one."""


@cache
def secrets_of(cluster: str) -> SecretsBundle:
    """The identity of a cluster; made once, since keys take their time."""
    return SecretsBundle.new("abcdef.0123456789abcdef")


@dataclass
class Recovery:
    """The cluster that is recovered, and what activities are run with."""

    cloud: ScriptedCloud
    run: Callable[..., Any]
    record: ClusterRecord

    @property
    def objects(self) -> dict[str, bytes]:
        """The bucket."""
        return self.cloud.oss.objects

    @property
    def old(self) -> ClusterRecord:
        """The other cluster; its Services have another domain."""
        config = guide_config(OLD)
        network = config.network.model_copy(update={"domain": "old.domain"})
        config = config.model_copy(update={"network": network})
        return self.record.model_copy(update={"name": OLD, "uid": "uid-old", "config": config})

    def tags(self) -> dict[str, str]:
        """Those of this very cluster's machines."""
        return {names.TAG_CLUSTER: self.record.name, names.TAG_CLUSTER_UID: self.record.uid}

    def add(self, instance_id: str, role: str, status: str = "Running", *, recovery: str = "") -> Instance:
        """A machine of the cluster. recovery: the attempt that built it, or that retired it as a master."""
        tags = {**self.tags(), **({names.TAG_RECOVERY: recovery} if recovery else {})}
        if role == names.ROLE_RETIRED:
            tags[names.TAG_FORMER_ROLE] = names.ROLE_MASTER
        return self.cloud.machines.add(instance_id, tags, role, status=status)

    def machine(self, instance_id: str) -> tuple[str, str]:
        """Its role and its status."""
        found = self.cloud.machines.machines[instance_id]
        return found.tags[names.TAG_ROLE], found.status

    def operations(self) -> list[tuple[str, str]]:
        """What was carried out on machines: instance id and operation, in order."""
        return [(where, name) for where, name, _ in self.cloud.machines.commands]

    def script(self, operation: str) -> str:
        """The text of the latest operation of that name."""
        return [content for _, name, content in self.cloud.machines.commands if name == operation][-1]

    def back_up(
        self,
        date: str = NEWEST,
        standing: Standing = Standing.SOUND,
        *,
        of: ClusterRecord | None = None,
        **changes: Any,
    ) -> BackupEntry:
        """Lay a backup into the bucket, whole; by default of the cluster itself."""
        record = of or self.record
        facts = {"name": record.name, "cluster_uid": record.uid, "size": len(SNAPSHOT)}
        made = entry(date, standing, **{**facts, **changes})
        beside = names.backup_secrets_key(record.name, date)
        self.objects[made.path] = SNAPSHOT
        text = record.model_dump_json(by_alias=True).encode()
        self.objects[names.backup_config_key(record.name, date)] = text
        self.objects[beside] = self.sealed(secrets_of(record.name), names.secrets_key(record.name))
        self.store(record.name).enter(made)
        return made

    def store(self, cluster: str) -> BackupStore:
        """The backups of that cluster."""
        return BackupStore(self.cloud.bucket(""), cluster)

    def task(self, backup: BackupEntry, machine: Instance | None = None) -> RecoverTask:
        """Restore this backup. machine: the new master, once there is one."""
        new = machine and Machine(
            instance_id=machine.instance_id,
            private_ip=machine.private_ip,
            zone_id=machine.zone_id,
            role=names.ROLE_MASTER,
        )
        plan = RecoveryPlan(
            target=self.record.name,
            source=backup.name,
            backup=backup,
            loss="something",
            wanted_masters=1,
            steps=recovery_steps(in_place=backup.name == self.record.name),
        )
        return RecoverTask(record=self.record, plan=plan, attempt_id=ATTEMPT, machine=new)

    def sealed(self, bundle: SecretsBundle, key: str) -> bytes:
        """As they lie under that key of the bucket."""
        return seal(bundle.to_bytes(), load_key(self.cloud.provider("")), key)

    def opened(self, key: str, sealed_for: str = "") -> SecretsBundle:
        """The secrets under that key of the bucket."""
        plain = unseal(self.objects[key], load_key(self.cloud.provider("")), sealed_for or key)
        return SecretsBundle.from_bytes(plain)

"""Every name that two parts of wdrip must agree on: workflow ids, search attributes, bucket keys, tags."""

import hashlib

TASK_QUEUE = "wdrip"
"""The Temporal task queue that workers poll."""

# Search attributes (all Keyword). SQL stores allow ten Keywords per namespace: keep the list short.
SEARCH_CLUSTER = "WdripCluster"
SEARCH_REGION = "WdripRegion"
SEARCH_PHASE = "WdripPhase"
SEARCH_OPERATION = "WdripOperation"
SEARCH_BACKUP = "WdripBackup"
SEARCH_ATTRIBUTES = (SEARCH_CLUSTER, SEARCH_REGION, SEARCH_PHASE, SEARCH_OPERATION, SEARCH_BACKUP)
"""What a Temporal namespace must have registered before a worker starts."""

METRIC_LAST_GOOD_BACKUP = "wdrip_last_good_backup_timestamp_seconds"
METRIC_BACKUP_ALARMS = "wdrip_backup_alarms"

TAG_CLUSTER = "wdrip/cluster"
TAG_CLUSTER_UID = "wdrip/cluster-uid"
TAG_ROLE = "wdrip/role"
TAG_NODE_POOL = "wdrip/nodepool"
ROLE_MASTER = "master"
ROLE_WORKER = "worker"
ROLE_COMING = "coming"
"""A master that a recovery builds and that nothing leads to yet."""
ROLE_RETIRED = "retired"
"""A machine whose part a recovery has given to others; it is stopped, and deleted when the new ones stand."""
TAG_FORMER_ROLE = "wdrip/former-role"
"""The part that a retired machine had: it gets it back when the recovery is taken back."""
TAG_RECOVERY = "wdrip/recovery"
"""Which recovery built a machine, or retired it."""

BUCKET_PREFIX = "wdrip"
CLUSTERS_PREFIX = f"{BUCKET_PREFIX}/clusters/"
PACKAGES_PREFIX = f"{BUCKET_PREFIX}/packages/"
PACKAGE_INDEX_KEY = f"{PACKAGES_PREFIX}index.json"
TRANSIT_PREFIX = f"{BUCKET_PREFIX}/transit/"
BACKUP_PREFIX = f"{BUCKET_PREFIX}/backup"


def cluster_workflow_id(cluster: str) -> str:
    """The `Cluster` workflow's id: the cluster's name itself, so that Temporal refuses a second one."""
    return cluster


def stack_name(cluster: str) -> str:
    """The ROS stack of a cluster carries the cluster's name."""
    return cluster


def cluster_key(cluster: str) -> str:
    """Bucket key of the cluster's index entry (JSON, no secrets)."""
    return f"{CLUSTERS_PREFIX}{cluster}.json"


def secrets_key(cluster: str) -> str:
    """Bucket key of the cluster's sealed secrets bundle."""
    return f"{BUCKET_PREFIX}/secrets/{cluster}.sealed"


def kept_secrets_prefix(cluster: str) -> str:
    """Prefix of the sealed secrets that recoveries of a cluster keep beside its own for a while."""
    return f"{BUCKET_PREFIX}/secrets/{cluster}/"


def staged_secrets_key(cluster: str, attempt_id: str) -> str:
    """Bucket key of the sealed secrets that a recovery is going to give the cluster."""
    return f"{kept_secrets_prefix(cluster)}{attempt_id}.staged.sealed"


def former_secrets_key(cluster: str, attempt_id: str) -> str:
    """Bucket key of the sealed secrets that a recovery replaced, as they were sealed."""
    return f"{kept_secrets_prefix(cluster)}{attempt_id}.former.sealed"


def backup_folder(cluster: str) -> str:
    """Prefix of every object of a cluster's backups."""
    return f"{BACKUP_PREFIX}/{cluster}/"


def backup_index_key(cluster: str) -> str:
    """Bucket key of the list of a cluster's backups (JSON, no secrets)."""
    return f"{backup_folder(cluster)}index.json"


def backup_key(cluster: str, date: str) -> str:
    """Bucket key of a snapshot; `date` is `yyyymmdd-HHMM`."""
    return f"{backup_folder(cluster)}{date}/snapshot.db"


def backup_entry_key(cluster: str, date: str) -> str:
    """Bucket key of the snapshot's own index entry beside it, from which a lost index is written anew."""
    return f"{backup_folder(cluster)}{date}/backup.json"


def backup_config_key(cluster: str, date: str) -> str:
    """Bucket key of the cluster's record as it was at the backup (JSON, no secrets)."""
    return f"{backup_folder(cluster)}{date}/cluster.json"


def backup_secrets_key(cluster: str, date: str) -> str:
    """Bucket key of the cluster's sealed secrets as they were at the backup."""
    return f"{backup_folder(cluster)}{date}/secrets.sealed"


def backup_claim_key(cluster: str, date: str) -> str:
    """Bucket key of the note by which one backup has the date for itself (JSON, no secrets)."""
    return f"{backup_folder(cluster)}{date}/claim.json"


def backup_hold_key(cluster: str, date: str) -> str:
    """Bucket key of the note that a backup is in use and must stay (empty)."""
    return f"{backup_folder(cluster)}{date}/hold"


def backup_workflow_id(cluster: str) -> str:
    """The `Backup` workflow's id: one per cluster, so that two at once are one."""
    return f"{cluster}/backup"


def verify_workflow_id(cluster: str) -> str:
    """The `VerifyBackup` workflow's id: one at a time per cluster, since a master bears it."""
    return f"{cluster}/verify"


def backup_schedule_id(cluster: str) -> str:
    """Id of the Temporal schedule that takes a cluster's backups."""
    return f"{cluster}/backup"


def recovery_workflow_id(cluster: str) -> str:
    """The `Recover` workflow's id: one per cluster."""
    return f"{cluster}/recover"


def endpoint_name(cluster: str) -> str:
    """The host name of the API server inside the cluster (resolved by each machine's own hosts file)."""
    return f"apiserver.{cluster}.wdrip"


def node_name(private_ip: str, instance_id: str) -> str:
    """Kubernetes node name of a machine, e.g. `192.168.0.77.i-bp12a2wcmbrd4383cai3`."""
    return f"{private_ip}.{instance_id}"


def provider_id(region: str, instance_id: str) -> str:
    """`spec.providerID` of a machine's Node, the form that Alibaba's cloud controller manager parses."""
    return f"{region}.{instance_id}"


def client_token(cluster_uid: str, step: str) -> str:
    """An idempotency token that stays the same however often a step is tried.

    `cluster_uid` tells two clusters of the same name apart, `step` two calls for one cluster. The result
    is 40 lower-case hex digits: ECS and ROS allow 64 characters of `[A-Za-z0-9_-]`.
    """
    return hashlib.sha256(f"{cluster_uid}/{step}".encode()).hexdigest()[:40]

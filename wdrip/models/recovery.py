"""A recovery: what it will do, what is asked of it, and what came of it."""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from wdrip.models.backup import BackupEntry


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RecoveryStep(StrEnum):
    """The kinds of step of a recovery; wdrip/planning/recovery.py says in which order."""

    PAUSE_AUTOMATION = "pause-automation"
    BACK_UP_TARGET = "back-up-target"
    STAGE_IDENTITY = "stage-identity"
    BUILD_MASTER = "build-master"
    PROVE_BACKUP = "prove-backup"
    RESTORE_ETCD = "restore-etcd"
    SET_OLD_ASIDE = "set-old-aside"
    START_CONTROL_PLANE = "start-control-plane"
    CLEAN_STALE = "clean-stale"
    CHECK_API = "check-api"
    ADOPT_IDENTITY = "adopt-identity"
    SWITCH_ENDPOINT = "switch-endpoint"
    BIND_TO_TARGET = "bind-to-target"
    RENEW_WATCHERS = "renew-watchers"
    AWAIT_WORKERS = "await-workers"
    RESUME_AUTOMATION = "resume-automation"
    GROW_MASTERS = "grow-masters"
    BACK_UP_RESULT = "back-up-result"
    RETIRE_OLD_MACHINES = "retire-old-machines"


class RecoveryPlan(_Model):
    """What a recovery will do, shown before it is done and followed afterwards."""

    target: str
    """The cluster whose infrastructure is used."""
    source: str
    """The cluster whose objects and identity come back; `target` itself when in place."""
    backup: BackupEntry
    """What is restored."""
    fallbacks: tuple[str, ...] = ()
    """Dates of the good backups that are older, newest first; if the chosen one turns out not to restore, the
    next is offered, and consent asked anew."""
    refused: tuple[str, ...] = ()
    """A sentence for each newer backup that is not used."""
    loss: str
    """What would be lost, in words."""
    wanted_masters: int = Field(ge=1)
    """How many masters the cluster had; the restored MasterSet decides."""
    steps: tuple[RecoveryStep, ...]

    @property
    def in_place(self) -> bool:
        """Whether the cluster comes back on its own infrastructure."""
        return self.source == self.target


class RecoverRequest(_Model):
    """Input of the `recover` update: what to recover from. It offers; `approve` begins."""

    source: str = ""
    """The cluster whose backup is restored; empty: the cluster itself, in place."""
    date: str | None = Field(None, pattern=r"^\d{8}-\d{4}$")
    """The backup; None: the newest good one, or what a living member of etcd holds if that is newer."""
    consented: bool = False
    """Begin at once, with whatever good backup turns out to restore (`--yes`)."""
    requested_by: str = ""


class ApproveRequest(_Model):
    """Input of the `approve` update: consent to the recovery that was offered."""

    restores: str
    """Date of the backup that was shown; something else would be another decision."""
    approved_by: str = ""


class Offer(_Model):
    """A recovery that waits for consent, or has it and waits for its turn."""

    request: RecoverRequest
    plan: RecoveryPlan
    at: AwareDatetime
    """When it was worked out."""
    approved_by: str = ""
    """Whoever consented; empty: nobody has."""


class Offered(_Model):
    """Answer of the `recover` update and of the query `offer`."""

    offer: Offer | None = None
    """None: nothing waits for consent."""
    notes: tuple[str, ...] = ()


class Restored(_Model):
    """What the machine found in the etcd that it restored and started."""

    revision: int = Field(ge=1)
    live_keys: int = Field(ge=0)
    bumped: bool
    """Whether the revision is above everything that anyone may have seen before."""

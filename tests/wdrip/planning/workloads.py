"""Short ways to write pods, Nodes and budgets for tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

from wdrip.models.workload import BudgetState, NodeRoom, PodState, Requirement, Selector

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GIB = 2**30


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


def pod(name: str, cpu: int = 1000, memory: int = GIB, **more: Any) -> PodState:
    """cpu in thousandths. With a node it runs; without, it has waited for a minute."""
    running = bool(more.get("node"))
    given: dict[str, Any] = {
        "phase": "Running" if running else "Pending",
        "created": ago(hours=1),
        "owner": "ReplicaSet",
        "labels": {"app": name},
        "requests": {"cpu": cpu, "memory": memory},
        "unschedulable_since": None if running else ago(minutes=1),
        **more,
    }
    return PodState(namespace="default", name=name, **given)


def node(name: str, pool: str = "a", cpu: int = 4000, memory: int = 8 * GIB, **more: Any) -> NodeRoom:
    room = {"cpu": cpu, "memory": memory, "pods": 110}
    return NodeRoom(name=name, pool=pool, allocatable=room, created=ago(days=1), **more)


def budget(name: str, allowed: int, app: str | None = None) -> BudgetState:
    """For the pods of one app; for all of the namespace when none is given."""
    chosen = () if app is None else (Requirement(key="app", operator="In", values=(app,)),)
    return BudgetState(
        namespace="default",
        name=name,
        selector=Selector(requirements=chosen),
        disruptions_allowed=allowed,
    )

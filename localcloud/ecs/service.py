"""The ECS service: its actions, its start from the state on disk, and what tests may do to machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from localcloud.core.context import Context
from localcloud.core.rpc_service import RpcService
from localcloud.ecs.assistant_actions import AssistantActions
from localcloud.ecs.catalogue_actions import CatalogueActions
from localcloud.ecs.instance_actions import InstanceActions
from localcloud.ecs.instances import Instances
from localcloud.ecs.invocations import Invocations
from localcloud.ecs.tag_actions import TagActions
from localcloud.machines.nspawn import NspawnRuntime
from localcloud.machines.runtime import MachineRuntime
from localcloud.network.backend import Network


class EcsService(InstanceActions, AssistantActions, CatalogueActions, TagActions, RpcService):
    """ECS on real machines, or on another runtime that a test gives."""

    name: ClassVar[str] = "ecs"
    version: ClassVar[str] = "2014-05-26"

    def __init__(self, context: Context, network: Network, runtime: MachineRuntime | None = None) -> None:
        super().__init__(context)
        self.network = network
        self.runtime = runtime or NspawnRuntime(
            context.state_dir / "machines", context.identity, context.tasks
        )
        self.instances = Instances(context, network, self.runtime)
        self.invocations = Invocations(context, self.instances, self.runtime)
        self._add_admin_routes(context)

    async def start(self) -> None:
        """Find the machines again, clear what belongs to none, go on with what was accepted."""
        await self.instances.start()
        await self.invocations.start()

    async def stop_machines(self) -> None:
        """Power all machines off; they boot again when the cloud starts on this state."""
        await self.context.tasks.cancel_all()
        await self.instances.stop_all()

    def _add_admin_routes(self, context: Context) -> None:
        async def power_off(path: Mapping[str, str], _: dict[str, Any]) -> None:
            await self.instances.crash(path["id"])

        async def wipe_disk(path: Mapping[str, str], _: dict[str, Any]) -> None:
            await self.instances.wipe_disk(path["id"])

        async def partition(path: Mapping[str, str], _: dict[str, Any]) -> None:
            await self.instances.partition(path["id"], cut=True)

        async def heal(path: Mapping[str, str], _: dict[str, Any]) -> None:
            await self.instances.partition(path["id"], cut=False)

        async def load_balancer(path: Mapping[str, str], _: dict[str, Any]) -> dict[str, Any]:
            return {"health": await self.network.server_health(path["id"])}

        context.add_admin_route("POST", "/machines/{id}/power-off", power_off)
        context.add_admin_route("POST", "/machines/{id}/wipe-disk", wipe_disk)
        context.add_admin_route("POST", "/machines/{id}/partition", partition)
        context.add_admin_route("DELETE", "/machines/{id}/partition", heal)
        context.add_admin_route("GET", "/load-balancers/{id}/health", load_balancer)

"""Instances: their records, their states, and the machines behind them.

Every order is written down before the machine follows it, so that a cloud that was killed in between takes it
up at its next start: Pending and Starting boot, Stopping shuts down, a record marked as leaving is removed.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from ipaddress import IPv4Network
from typing import Any

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest
from localcloud.ecs.launch import Launch, as_document, find_image
from localcloud.images import ImageError, rootfs
from localcloud.machines.runtime import Machine, MachineError, MachineRuntime, PowerEnd
from localcloud.network.addresses import gateway
from localcloud.network.backend import Network
from localcloud.network.fabric import Interface
from localcloud.network.identifiers import new_id
from localcloud.network.netns import CommandFailedError
from localcloud.network.records import Document, Records

_log = logging.getLogger("localcloud.ecs")

_BOOTS_AT_ONCE = 3
"""More boots side by side only make each of them slower on a small host."""


class Instances:
    """Launches, powers and deletes instances."""

    def __init__(self, context: Context, network: Network, runtime: MachineRuntime) -> None:
        self._context = context
        self._network = network
        self._runtime = runtime
        self._booting = asyncio.Semaphore(_BOOTS_AT_ONCE)
        self._locks: dict[str, asyncio.Lock] = {}
        self.records = Records(context.store, "instance", "InstanceId", "InvalidInstanceId.NotFound")
        self.disks = Records(context.store, "disk", "DiskId", "InvalidDiskId.NotFound")

    async def start(self) -> None:
        """Find running machines again and take up what was left half-done."""
        records = self.records.all()
        await self._runtime.start([each["InstanceId"] for each in records], self._ended)
        for instance in records:
            self._take_up(instance)

    def launch(self, request: RpcRequest, launch: Launch) -> dict[str, Any]:
        """Record the machines of a launch and begin to boot them; returns the answer of RunInstances.

        Records and the memory of the ClientToken reach the disk together. Raises QuotaExceed.ElasticQuota,
        OperationDenied.NoStock (403), InvalidPrivateIpAddress.* (400).
        """
        amount = self._available(launch)
        ids = [new_id("i") for _ in range(amount)]
        answer = {"InstanceIdSets": {"InstanceIdSet": ids}, "OrderId": "", "TradePrice": 0.0}
        with self._context.store.transaction():
            for index, instance_id in enumerate(ids):
                wanted = launch.private_address if amount == 1 else ""
                self._network.interfaces.reserve(instance_id, launch.vswitch, wanted)
                document = as_document(launch, index, instance_id, self._now())
                document["SerialNumber"] = str(uuid.uuid4())
                self.records.save(document)
                self._new_disk(document, launch.disk_category, launch.disk_size)
            self._context.idempotency.remember(request, answer)
        for instance_id in ids:
            self._later(self._boot(instance_id), f"boot {instance_id}")
        return answer

    def visible(self) -> list[Document]:
        """The instances that callers see, newest first as DescribeInstances answers."""
        return [each for each in reversed(self.records.all()) if not each.get("Leaving")]

    def get(self, instance_id: str) -> Document:
        """The instance. Raises InvalidInstanceId.NotFound (404)."""
        instance = self.records.get(instance_id)
        if instance.get("Leaving"):
            raise ApiError(404, "InvalidInstanceId.NotFound", "The specified InstanceId does not exist.")
        return instance

    def system_disk(self, instance_id: str) -> Document:
        """The instance's system disk."""
        return next(iter(self.disks.all(lambda disk: bool(disk["InstanceId"] == instance_id))))

    def interface(self, instance: Document) -> Interface:
        """The instance's network card."""
        record = self._network.interfaces.of(instance["InstanceId"]) or {}
        vswitch = self._network.vpcs.vswitches.get(instance["VSwitchId"])
        network = IPv4Network(vswitch["CidrBlock"])
        return Interface(
            machine_id=instance["InstanceId"],
            vpc_id=instance["VpcId"],
            vswitch_id=instance["VSwitchId"],
            address=record["Address"],
            prefix=network.prefixlen,
            gateway=str(gateway(network)),
            mac=record["Mac"],
        )

    def power_on(self, instance_id: str) -> None:
        """Stopped to Starting, then Running. Raises IncorrectInstanceStatus (403)."""
        self._move(instance_id, ("Stopped",), "Starting")
        self._later(self._boot(instance_id), f"boot {instance_id}")

    def power_off(self, instance_id: str, *, force: bool, stopped_mode: str = "KeepCharging") -> None:
        """Running to Stopping, then Stopped. Raises IncorrectInstanceStatus (403)."""
        self._move(instance_id, ("Running",), "Stopping", StoppedMode=stopped_mode, Force=force)
        self._later(self._shut_down(instance_id, force), f"stop {instance_id}")

    def reboot(self, instance_id: str, *, force: bool) -> None:
        """Running to Stopping, Starting, Running. Raises IncorrectInstanceStatus (403)."""
        self._move(instance_id, ("Running",), "Stopping", Force=force, Reboot=True)
        self._later(self._restart(instance_id, force), f"reboot {instance_id}")

    async def crash(self, instance_id: str) -> None:
        """The machine loses power, as by a fault of its host; it stays Stopped."""
        self.get(instance_id)
        self._move(instance_id, ("Running",), "Stopping", Force=True)
        await self._shut_down(instance_id, force=True)

    async def delete(self, instance_ids: list[str], *, force: bool) -> None:
        """Delete instances, all or (when one may not go) none.

        Raises InvalidInstanceId.NotFound (404), InvalidOperation.DeletionProtection, IncorrectInstanceStatus
        and its Initializing form (403).
        """
        for instance_id in instance_ids:
            _check_deletable(self.get(instance_id), force)
        with self._context.store.transaction():
            for instance_id in instance_ids:
                self.records.save({**self.get(instance_id), "Leaving": True})
        for instance_id in instance_ids:
            await self._remove(instance_id)

    async def replace_system_disk(
        self, request: RpcRequest, instance_id: str, image_id: str, size: int
    ) -> str:
        """A fresh disk from the image; returns its id. User data runs again at the next boot.

        Raises IncorrectInstanceStatus (403), InvalidImageId.NotFound (404).
        """
        instance = self.get(instance_id)
        if instance["Status"] != "Stopped":
            raise _incorrect_status(instance)
        find_image(self._context.config, image_id)
        async with self._lock(instance_id):
            await self._runtime.erase_disk(instance_id)
        with self._context.store.transaction():
            self.disks.delete(self.system_disk(instance_id)["DiskId"])
            instance["ImageId"] = image_id
            self.records.save(instance)
            disk_id = self._new_disk(instance, instance["SystemDisk"]["Category"], size)
            self._context.idempotency.remember(request, {"DiskId": disk_id})
        return disk_id

    async def wipe_disk(self, instance_id: str) -> None:
        """Lose what is on the system disk, as by a broken one; the machine goes down and stays Stopped."""
        if self.get(instance_id)["Status"] == "Running":
            await self.crash(instance_id)
        async with self._lock(instance_id):
            await self._runtime.erase_disk(instance_id)

    async def partition(self, instance_id: str, *, cut: bool) -> None:
        """Cut the machine off its network, or connect it again."""
        await self._network.fabric.partition(self.interface(self.get(instance_id)), cut)

    async def stop_all(self) -> None:
        """Power every machine off at once, keeping its wish to run for the next start of the cloud."""
        for instance in self.records.all():
            await self._runtime.power_off(instance["InstanceId"], force=True)
            await self._network.fabric.detach(instance["InstanceId"])

    def _take_up(self, instance: Document) -> None:
        instance_id, status = instance["InstanceId"], instance["Status"]
        if instance.get("Leaving"):
            work = self._remove(instance_id)
        elif status == "Stopping" and instance.get("Reboot"):
            work = self._restart(instance_id, instance["Force"])
        elif status == "Stopping":
            work = self._shut_down(instance_id, instance["Force"])
        elif status in ("Pending", "Starting") or (
            status == "Running" and not self._runtime.is_on(instance_id)
        ):
            work = self._boot(instance_id)
        else:
            return
        self._later(work, f"take up {instance_id}")

    async def _boot(self, instance_id: str) -> None:
        async with self._lock(instance_id), self._booting:
            instance = self.records.find(instance_id)
            if instance is None or instance.get("Leaving"):
                return
            running = self._runtime.is_on(instance_id)
            # Commands of an earlier boot are known by this number; a machine found running keeps its own.
            number = instance["BootNumber"] + (0 if running else 1)
            self._set(instance_id, Status="Starting", Reboot=False, BootNumber=number)
            try:
                await self._power_on(instance)
            except (MachineError, CommandFailedError, ImageError) as error:
                _log.exception("%s does not start", instance_id)
                await self._runtime.power_off(instance_id, force=True)
                self._set(instance_id, Status="Stopped", LastError=str(error))
                return
            self._set(instance_id, Status="Running", StartTime=self._now(), LastError="")

    async def _power_on(self, instance: Document) -> None:
        instance_id = instance["InstanceId"]
        interface = self.interface(instance)
        if not self._runtime.is_on(instance_id):
            # An old namespace may still hold the processes of a machine that has just ended.
            await self._network.fabric.detach(instance_id)
        await self._network.fabric.attach(interface)
        kind = next(
            each for each in self._context.config.instance_types if each.id == instance["InstanceType"]
        )
        image = find_image(self._context.config, instance["ImageId"]).rootfs or rootfs()
        await self._runtime.power_on(
            Machine(
                id=instance_id,
                hostname=instance["HostName"],
                address=interface.address,
                image=image,
                namespace=self._network.fabric.machine_namespace(instance_id),
                memory=int(kind.memory_gib * 2**30),
            )
        )

    async def _shut_down(self, instance_id: str, force: bool) -> None:
        async with self._lock(instance_id):
            await self._runtime.power_off(instance_id, force=force)
            await self._network.fabric.detach(instance_id)
            self._set(instance_id, Status="Stopped")

    async def _restart(self, instance_id: str, force: bool) -> None:
        await self._shut_down(instance_id, force)
        await self._boot(instance_id)

    async def _remove(self, instance_id: str) -> None:
        async with self._lock(instance_id):
            await self._network.load_balancers.forget_server(instance_id)
            await self._runtime.remove(instance_id)
            await self._network.fabric.detach(instance_id)
            with self._context.store.transaction():
                self.disks.delete(self.system_disk(instance_id)["DiskId"])
                self._network.interfaces.release(instance_id)
                self.records.delete(instance_id)
        self._locks.pop(instance_id, None)

    async def _ended(self, instance_id: str, end: PowerEnd) -> None:
        """The machine went down by itself: its own init powered it off or asked for a reboot."""
        instance = self.records.find(instance_id)
        if instance is None or instance["Status"] != "Running":
            return
        if end is PowerEnd.REBOOT:
            await self._boot(instance_id)
            return
        await self._network.fabric.detach(instance_id)
        self._set(instance_id, Status="Stopped")

    def _available(self, launch: Launch) -> int:
        limits, existing = self._context.config.limits, self.records.all()
        by_quota = limits.instances - len(existing)
        if by_quota < launch.least:
            raise ApiError(
                403, "QuotaExceed.ElasticQuota", "The number of instances exceeds the quota of your account."
            )
        stock = limits.stock.get(launch.instance_type.id)
        if stock is None:
            return min(launch.amount, by_quota)
        used = Counter((each["InstanceType"], each["ZoneId"]) for each in existing)
        by_stock = stock - used[launch.instance_type.id, launch.zone_id]
        if by_stock < launch.least:
            raise ApiError(
                403, "OperationDenied.NoStock", "The requested resource is sold out in the specified zone."
            )
        return min(launch.amount, by_quota, by_stock)

    def _new_disk(self, instance: Document, category: str, size: int) -> str:
        disk_id = new_id("d")
        self.disks.save(
            {
                "DiskId": disk_id,
                "InstanceId": instance["InstanceId"],
                "ImageId": instance["ImageId"],
                "Category": category,
                "Size": size,
                "CreationTime": self._now(),
            }
        )
        return disk_id

    def _move(self, instance_id: str, allowed: tuple[str, ...], status: str, **more: Any) -> None:
        instance = self.get(instance_id)
        if instance["Status"] not in allowed:
            raise _incorrect_status(instance)
        self._set(instance_id, Status=status, **more)

    def _set(self, instance_id: str, **changes: Any) -> None:
        instance = self.records.find(instance_id)
        if instance is not None:
            self.records.save({**instance, **changes})

    def _lock(self, instance_id: str) -> asyncio.Lock:
        return self._locks.setdefault(instance_id, asyncio.Lock())

    def _later(self, work: Any, name: str) -> None:
        self._context.tasks.spawn(work, name)

    def _now(self) -> str:
        return self._context.now().strftime("%Y-%m-%dT%H:%MZ")


def _check_deletable(instance: Document, force: bool) -> None:
    if instance["DeletionProtection"]:
        raise ApiError(
            403, "InvalidOperation.DeletionProtection", "The instance is protected against deletion."
        )
    if instance["Status"] in ("Pending", "Starting") and not instance["StartTime"]:
        raise ApiError(
            403,
            "IncorrectInstanceStatus.Initializing",
            "The specified instance status does not support this.",
        )
    if instance["Status"] != "Stopped" and not force:
        raise _incorrect_status(instance)


def _incorrect_status(instance: Document) -> ApiError:
    return ApiError(
        403,
        "IncorrectInstanceStatus",
        f"The current status of the resource does not support this operation: {instance['Status']}.",
    )

"""Actions on instances: launch, describe, power, disk, attributes."""

from __future__ import annotations

from typing import Any

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest, missing
from localcloud.core.rpc_service import action
from localcloud.ecs.descriptions import described, ids_of, selection
from localcloud.ecs.instances import Instances
from localcloud.ecs.invocations import Invocations
from localcloud.ecs.launch import disk_size, find_image, parse_launch, region_of, user_data
from localcloud.ecs.paging import page_of
from localcloud.network.backend import Network
from localcloud.network.records import Document


class InstanceActions:
    """The life of an instance over the API."""

    context: Context
    network: Network
    instances: Instances
    invocations: Invocations

    @action("RunInstances", idempotent=True)
    async def run_instances(self, request: RpcRequest) -> dict[str, Any]:
        """Launch machines; they are Pending at first and start by themselves."""
        launch = parse_launch(request, self.context, self.network)
        if request.boolean("DryRun"):
            raise ApiError(400, "DryRunOperation", "Request validation has been passed with DryRun flag set.")
        return self.instances.launch(request, launch)

    @action("DescribeInstances")
    async def describe_instances(self, request: RpcRequest) -> dict[str, Any]:
        """Machines by ids, tags, network, state or names, newest first, in pages."""
        region_of(request, self.context.config)
        matches = selection(request, self._address)
        found = [instance for instance in self.instances.visible() if matches(instance)]
        page = page_of(found, request, "InstanceId")
        instances = [self._described(instance) for instance in page.records]
        return {"Instances": {"Instance": instances}, **page.fields}

    @action("DescribeInstanceStatus")
    async def describe_instance_status(self, request: RpcRequest) -> dict[str, Any]:
        """Only the states."""
        region_of(request, self.context.config)
        ids, zone = request.strings("InstanceId", maximum=100), request.string("ZoneId")
        found = [
            each
            for each in self.instances.visible()
            if (not ids or each["InstanceId"] in ids) and zone in ("", each["ZoneId"])
        ]
        page = page_of(found, request, "InstanceId", most=50)
        statuses = [{"InstanceId": each["InstanceId"], "Status": each["Status"]} for each in page.records]
        return {"InstanceStatuses": {"InstanceStatus": statuses}, **page.fields}

    @action("StartInstance")
    async def start_instance(self, request: RpcRequest) -> dict[str, Any]:
        """Stopped to Starting."""
        self.instances.power_on(request.string("InstanceId", required=True))
        return {}

    @action("StopInstance")
    async def stop_instance(self, request: RpcRequest) -> dict[str, Any]:
        """Running to Stopping; ForceStop pulls the plug."""
        self.instances.power_off(
            request.string("InstanceId", required=True),
            force=request.boolean("ForceStop"),
            stopped_mode=request.string(
                "StoppedMode", "KeepCharging", choices=("KeepCharging", "StopCharging")
            ),
        )
        return {}

    @action("RebootInstance")
    async def reboot_instance(self, request: RpcRequest) -> dict[str, Any]:
        """Running, down and up again."""
        self.instances.reboot(request.string("InstanceId", required=True), force=request.boolean("ForceStop"))
        return {}

    @action("DeleteInstance")
    async def delete_instance(self, request: RpcRequest) -> dict[str, Any]:
        """Delete a stopped machine, or with Force a running one."""
        await self._delete([request.string("InstanceId", required=True)], request.boolean("Force"))
        return {}

    @action("DeleteInstances", idempotent=True)
    async def delete_instances(self, request: RpcRequest) -> dict[str, Any]:
        """Delete up to 100 machines, all or none."""
        region_of(request, self.context.config)
        ids = request.strings("InstanceId", maximum=100)
        if not ids:
            raise missing("InstanceId")
        await self._delete(list(dict.fromkeys(ids)), request.boolean("Force"))
        return {}

    @action("ReplaceSystemDisk", idempotent=True)
    async def replace_system_disk(self, request: RpcRequest) -> dict[str, Any]:
        """A fresh system disk from an image; the machine must be stopped."""
        instance_id = request.string("InstanceId", required=True)
        image_id = request.string("ImageId", required=True)
        self.instances.get(instance_id)
        size = disk_size(request, "SystemDisk.Size", find_image(self.context.config, image_id))
        return {"DiskId": await self.instances.replace_system_disk(request, instance_id, image_id, size)}

    @action("ModifyInstanceAttribute")
    async def modify_instance_attribute(self, request: RpcRequest) -> dict[str, Any]:
        """Change names, description, protection, security groups, and (when stopped) user data."""
        instance = self.instances.get(request.string("InstanceId", required=True))
        for name in ("InstanceName", "HostName", "Description"):
            if name in request.params:
                instance[name] = request.string(name, max_length=256)
        if "DeletionProtection" in request.params:
            instance["DeletionProtection"] = request.boolean("DeletionProtection")
        if "UserData" in request.params:
            if instance["Status"] != "Stopped":
                raise ApiError(
                    403, "IncorrectInstanceStatus", "The instance must be stopped to change its UserData."
                )
            instance["UserData"] = user_data(request.string("UserData"))
        groups = request.strings("SecurityGroupIds", maximum=5)
        for group_id in groups:
            self.network.security_groups.groups.get(group_id)
        if groups:
            instance["SecurityGroupIds"] = groups
        self.instances.records.save(instance)
        return {}

    @action("DescribeUserData")
    async def describe_user_data(self, request: RpcRequest) -> dict[str, Any]:
        """The user data, base64."""
        instance = self.instances.get(request.string("InstanceId", required=True))
        return {name: instance[name] for name in ("InstanceId", "RegionId", "UserData")}

    @action("DescribeDisks")
    async def describe_disks(self, request: RpcRequest) -> dict[str, Any]:
        """System disks by disk ids or machine."""
        region_of(request, self.context.config)
        ids, instance_id = ids_of(request, "DiskIds"), request.string("InstanceId")
        found = [
            disk
            for disk in self.instances.disks.all()
            if (ids is None or disk["DiskId"] in ids) and instance_id in ("", disk["InstanceId"])
        ]
        page = page_of(found, request, "DiskId")
        return {"Disks": {"Disk": [self._disk(disk) for disk in page.records]}, **page.fields}

    async def _delete(self, ids: list[str], force: bool) -> None:
        for instance_id in ids:
            self.instances.get(instance_id)
        # What has finished on them is read a last time: results outlive machines.
        self.invocations.current_tasks()
        await self.instances.delete(ids, force=force)

    def _address(self, instance_id: str) -> str:
        interface = self.network.interfaces.of(instance_id)
        return str(interface["Address"]) if interface else ""

    def _described(self, instance: Document) -> dict[str, Any]:
        interface = self.network.interfaces.of(instance["InstanceId"]) or {}
        return described(instance, interface["Address"], interface["Mac"], self.context.config)

    def _disk(self, disk: Document) -> dict[str, Any]:
        instance = self.instances.records.get(disk["InstanceId"])
        return {
            **disk,
            "Type": "system",
            "Status": "In_use",
            "Device": "/dev/xvda",
            "RegionId": instance["RegionId"],
            "ZoneId": instance["ZoneId"],
            "DeleteWithInstance": True,
            "Portable": False,
            "DiskChargeType": "PostPaid",
        }

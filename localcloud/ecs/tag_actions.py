"""Actions on tags of instances."""

from __future__ import annotations

from typing import Any

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest, missing
from localcloud.core.rpc_service import action
from localcloud.ecs.instances import Instances
from localcloud.ecs.launch import region_of, tags_of
from localcloud.ecs.paging import page_of
from localcloud.network.records import Document

_MAX_TAGS = 20
_MAX_RESOURCES = 50


class TagActions:
    """Tag, untag and list; only instances carry tags over this API."""

    context: Context
    instances: Instances

    @action("TagResources")
    async def tag_resources(self, request: RpcRequest) -> dict[str, Any]:
        """Put tags on instances, replacing values of the same keys."""
        instances = self._resources(request)
        tags = tags_of(request)
        if not tags:
            raise missing("Tag")
        changed = []
        for instance in instances:
            merged = {each["TagKey"]: each for each in (*instance["Tags"], *tags)}
            if len(merged) > _MAX_TAGS:
                raise ApiError(400, "NumberExceed.Tags", f"A resource has at most {_MAX_TAGS} tags.")
            changed.append({**instance, "Tags": list(merged.values())})
        self._save(changed)
        return {}

    @action("UntagResources")
    async def untag_resources(self, request: RpcRequest) -> dict[str, Any]:
        """Take tags by their keys (or with All every one) from instances."""
        instances = self._resources(request)
        keys = request.strings("TagKey", maximum=_MAX_TAGS)
        every = request.boolean("All") and not keys
        if not keys and not every:
            raise missing("TagKey")
        changed = [
            {**each, "Tags": [tag for tag in each["Tags"] if not every and tag["TagKey"] not in keys]}
            for each in instances
        ]
        self._save(changed)
        return {}

    @action("ListTagResources")
    async def list_tag_resources(self, request: RpcRequest) -> dict[str, Any]:
        """Tags of the named instances, or of those that have the asked-for tags."""
        region_of(request, self.context.config)
        _check_type(request)
        ids = request.strings("ResourceId", maximum=_MAX_RESOURCES)
        wanted = request.records("Tag", ("Key", "Value"))
        if not ids and not wanted:
            raise missing("ResourceId")
        rows = [
            {"ResourceId": each["InstanceId"], "ResourceType": "instance", **tag}
            for each in self.instances.visible()
            if (not ids or each["InstanceId"] in ids) and _has_all(each, wanted)
            for tag in each["Tags"]
        ]
        numbered = [{**row, "Row": f"{row['ResourceId']}/{row['TagKey']}"} for row in rows]
        page = page_of(numbered, request, "Row")
        shown = [{key: value for key, value in row.items() if key != "Row"} for row in page.records]
        return {"TagResources": {"TagResource": shown}, "NextToken": page.fields["NextToken"]}

    def _resources(self, request: RpcRequest) -> list[Document]:
        region_of(request, self.context.config)
        _check_type(request)
        ids = request.strings("ResourceId", maximum=_MAX_RESOURCES)
        if not ids:
            raise missing("ResourceId")
        for each in ids:
            found = self.instances.records.find(each)
            if found is None or found.get("Leaving"):
                raise ApiError(404, "InvalidResourceId.NotFound", f"The resource {each!r} does not exist.")
        return [self.instances.get(each) for each in ids]

    def _save(self, instances: list[Document]) -> None:
        with self.context.store.transaction():
            for instance in instances:
                self.instances.records.save(instance)


def _check_type(request: RpcRequest) -> None:
    if request.string("ResourceType", required=True) != "instance":
        raise ApiError(400, "InvalidResourceType.NotSupported", "Only instances carry tags here.")


def _has_all(instance: Document, wanted: list[dict[str, str]]) -> bool:
    tags = {tag["TagKey"]: tag["TagValue"] for tag in instance["Tags"]}
    return all(
        each.get("Key") in tags and tags[each["Key"]] == each.get("Value", tags[each["Key"]])
        for each in wanted
    )

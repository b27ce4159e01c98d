"""What the cloud offers: accounts, regions, images, instance types, addresses, ports, limits.

Every key has a default with which the mission guide's own cluster configuration works; a YAML file changes
single keys. Names are those of the YAML file in camelCase.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel


class ConfigError(Exception):
    """The configuration cannot be used; the message names the key."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True, frozen=True)


class AccountConfig(_Section):
    """One more account beside the generated one; lets tests own foreign buckets."""

    account_id: str = Field(pattern=r"[0-9]{16}")
    access_key_id: str = Field(min_length=16)
    access_key_secret: str = Field(min_length=16)


class Region(_Section):
    """A region and its zone ids."""

    id: str
    zones: tuple[str, ...]


class Image(_Section):
    """A machine image; `rootfs` is the directory its machines' roots are made from, None the prepared one."""

    id: str
    family: str
    os_name: str
    size_gib: int = 20
    architecture: str = "x86_64"
    rootfs: Path | None = None


class InstanceType(_Section):
    """An instance type; memory in GiB. Sizes as in the published instance family tables."""

    id: str
    cores: int
    memory_gib: float
    architecture: str = "X86"

    @property
    def family(self) -> str:
        """`ecs.c6` of `ecs.c6.xlarge`."""
        return self.id.rsplit(".", 1)[0]


class Ports(_Section):
    """TCP ports on loopback; 0 means any free one, kept for the next start."""

    ecs: int = 0
    ros: int = 0
    oss: int = 0
    admin: int = 0


class Limits(_Section):
    """Quotas of the account. `stock` bounds how many machines of an instance type a zone can run."""

    instances: int = 50
    stock: dict[str, int] = Field(default_factory=dict)
    stacks: int = 200


def _compute_types(generation: str) -> tuple[InstanceType, ...]:
    # Family c (compute): 1 core to 2 GiB; large has 2 cores and each size doubles.
    sizes = {"large": 2, "xlarge": 4, "2xlarge": 8, "3xlarge": 12, "4xlarge": 16}
    return tuple(
        InstanceType(id=f"ecs.{generation}.{size}", cores=cores, memory_gib=cores * 2)
        for size, cores in sizes.items()
    )


def _general_types(generation: str) -> tuple[InstanceType, ...]:
    # Family g (general purpose): 1 core to 4 GiB.
    sizes = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16}
    return tuple(
        InstanceType(id=f"ecs.{generation}.{size}", cores=cores, memory_gib=cores * 4)
        for size, cores in sizes.items()
    )


_REGIONS = (
    Region(id="cn-hangzhou", zones=tuple(f"cn-hangzhou-{letter}" for letter in "bfghijk")),
    Region(id="cn-beijing", zones=tuple(f"cn-beijing-{letter}" for letter in "fghijkl")),
)
_IMAGES = (
    Image(
        id="centos_7_9_x64_20G_alibase_20210623.vhd", family="acs:centos_7_9_x64", os_name="CentOS  7.9 64位"
    ),
    Image(
        id="aliyun_3_x64_20G_alibase_20250629.vhd",
        family="acs:alibaba_cloud_linux_3_2104_lts_x64",
        os_name="Alibaba Cloud Linux  3.2104 LTS 64位",
    ),
    Image(
        id="aliyun_3_x64_20G_alibase_20260513.vhd",
        family="acs:alibaba_cloud_linux_3_2104_lts_x64",
        os_name="Alibaba Cloud Linux  3.2104 LTS 64位",
    ),
)


class Config(_Section):
    """The whole configuration."""

    account_id: str = Field(default="1470000000000001", pattern=r"[0-9]{16}")
    accounts: tuple[AccountConfig, ...] = ()
    regions: tuple[Region, ...] = _REGIONS
    images: tuple[Image, ...] = _IMAGES
    instance_types: tuple[InstanceType, ...] = (
        *_compute_types("c6"),
        *_compute_types("c7"),
        *_general_types("g6"),
        *_general_types("g7"),
    )
    disk_categories: tuple[str, ...] = ("cloud_essd", "cloud_ssd", "cloud_efficiency")
    elastic_range: str = "127.47.0.0/16"
    ports: Ports = Ports()
    limits: Limits = Limits()

    @field_validator("elastic_range")
    @classmethod
    def _loopback_only(cls, value: str) -> str:
        if not ipaddress.IPv4Network(value).is_loopback:
            raise ValueError("elastic addresses must lie in 127.0.0.0/8")
        return value

    def region(self, region_id: str) -> Region | None:
        """The region of that id, or None."""
        return next((each for each in self.regions if each.id == region_id), None)


def load_config(path: Path | None) -> Config:
    """The defaults, changed by the YAML file when one is given. Raises ConfigError."""
    if path is None:
        return Config()
    try:
        loaded: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Config.model_validate({} if loaded is None else loaded)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(f"{path}: {key}: {first['msg']}") from error

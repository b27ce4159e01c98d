"""The local cloud's entry in the configuration file: one more provider and context beside others."""

import json
import os
from pathlib import Path
from typing import Any

import yaml

from wdrip.errors import InvalidInput

_BUCKET = "wdrip-index"
_REGION = "cn-hangzhou"


def write_access(config: Path, name: str, cloud_dir: Path, temporal_address: str, key_file: Path) -> bool:
    """Put provider `alibaba.<name>` and context `<name>` into `config`; True when the context is current.

    Endpoints and access key come from what the local cloud wrote at its start. The context becomes current,
    and the Temporal address is set, only where the file said nothing of them.
    """
    fresh = not config.exists()
    document = _load(config)
    document.setdefault("apiVersion", "alibabacloud.com/v1")
    document.setdefault("kind", "Config")
    provider = {"name": "alibaba", "value": _provider_value(cloud_dir, key_file)}
    _replace(document, "contexts", name, {"context": {"provider-key": f"alibaba.{name}"}, "name": name})
    _replace(document, "providers", f"alibaba.{name}", {"name": f"alibaba.{name}", "provider": provider})
    if fresh:
        document["current-context"] = name
    document.setdefault("temporal", {"address": temporal_address, "namespace": "default"})
    _write(config, document)
    return bool(document.get("current-context") == name)


def remove_access(config: Path, name: str, temporal_address: str) -> None:
    """Take out what `write_access` put in; a file that holds nothing else goes away whole."""
    if not config.exists():
        return
    document = _load(config)
    _replace(document, "contexts", name, None)
    _replace(document, "providers", f"alibaba.{name}", None)
    if document.get("current-context") == name:
        del document["current-context"]
    if (document.get("temporal") or {}).get("address") == temporal_address:
        del document["temporal"]
    if document["providers"] or document["contexts"]:
        _write(config, document)
    else:
        config.unlink()


def temporal_address(config: Path) -> str | None:
    """The Temporal address that the file names."""
    address = (_load(config).get("temporal") or {}).get("address") if config.exists() else None
    return str(address) if address else None


def _provider_value(cloud_dir: Path, key_file: Path) -> dict[str, Any]:
    endpoints = json.loads((cloud_dir / "endpoints.json").read_text(encoding="utf-8"))
    keys = json.loads((cloud_dir / "credentials.json").read_text(encoding="utf-8"))
    return {
        "accessKeyId": keys["accessKeyId"],
        "accessKeySecret": keys["accessKeySecret"],
        "bucketName": _BUCKET,
        "region": _REGION,
        "endpoints": {service: endpoints[service] for service in ("ecs", "ros", "oss", "ossInternal")},
        "encryptionKeyFile": str(key_file),
        # Only one package is built for local machines; it serves every version of its minor release.
        "versionPolicy": "nearest",
    }


def _load(config: Path) -> dict[str, Any]:
    if not config.exists():
        return {}
    try:
        document = yaml.safe_load(config.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InvalidInput(str(config), f"is not YAML ({error})", "mend the file or move it away") from error
    if not isinstance(document, dict):
        raise InvalidInput(str(config), "is no mapping", "mend the file or move it away")
    return document


def _replace(document: dict[str, Any], section: str, name: str, entry: dict[str, Any] | None) -> None:
    others = [each for each in document.get(section) or [] if each.get("name") != name]
    document[section] = others if entry is None else [*others, entry]


def _write(config: Path, document: dict[str, Any]) -> None:
    config.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = config.with_name(f"{config.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        yaml.safe_dump(document, stream, sort_keys=False, allow_unicode=True)
    temporary.replace(config)

"""The account and the endpoints that wdrip works with: `~/.wdrip/config`."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr

from wdrip.errors import InvalidInput
from wdrip.models.reading import Document, read_yaml, refuse

DEFAULT_PATH = "~/.wdrip/config"
DEFAULT_KEY_FILE = "~/.wdrip/encryption.key"

ENV_CONFIG = "WDRIP_CONFIG"
ENV_CONTEXT = "WDRIP_CONTEXT"
ENV_KEY_ID = "ALIBABA_CLOUD_ACCESS_KEY_ID"
ENV_KEY_SECRET = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"  # noqa: S105 - a variable's name
ENV_TEMPORAL_ADDRESS = "TEMPORAL_ADDRESS"
ENV_TEMPORAL_NAMESPACE = "TEMPORAL_NAMESPACE"

_PLACEHOLDER = re.compile(r"\{?replace-with-your-own", re.IGNORECASE)


def _credential(value: object) -> object:
    # Unquoted, the guide's `{replace-with-your-own-…}` is a YAML mapping, not text.
    text = next(iter(value), "") if isinstance(value, dict) else value
    if isinstance(text, str) and (not text or _PLACEHOLDER.match(text)):
        raise refuse("still holds the guide's placeholder", "put your own access key there")
    return value


def _bucket(value: object) -> object:
    # Naming rule of OSS PutBucket.
    if isinstance(value, str) and not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", value):
        raise refuse(
            "is not a bucket name", "use 3 to 63 lower-case letters, digits and hyphens, no hyphen at an end"
        )
    return value


def _url(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"https?://[^/\s?#]+/?", value):
        raise refuse("is not a service address", "write scheme, host and port such as http://127.0.0.1:18001")
    return value


_Url = Annotated[str, BeforeValidator(_url)]


class Endpoints(Document):
    """Addresses of the services when they are not Alibaba Cloud's own: scheme, host and port."""

    ecs: _Url | None = None
    ros: _Url | None = None
    oss: _Url | None = None
    oss_internal: _Url | None = Field(
        default=None, alias="ossInternal", description="OSS as machines inside a VPC reach it."
    )


class ProviderValue(Document):
    """Account, bucket and region of one provider."""

    access_key_id: Annotated[str | None, BeforeValidator(_credential)] = Field(
        default=None, alias="accessKeyId", description=f"AccessKey id; ${ENV_KEY_ID} overrides it."
    )
    access_key_secret: Annotated[SecretStr | None, BeforeValidator(_credential)] = Field(
        default=None,
        alias="accessKeySecret",
        description=f"AccessKey secret; ${ENV_KEY_SECRET} overrides it.",
    )
    bucket_name: Annotated[str, BeforeValidator(_bucket)] = Field(
        alias="bucketName",
        description="OSS bucket for index, packages and backups; made, private, if missing.",
    )
    region: str = Field(description="Region of the bucket and of the clusters, e.g. `cn-hangzhou`.")
    endpoints: Endpoints = Field(
        default_factory=Endpoints, description="Addresses of the services; default: Alibaba Cloud's own."
    )
    encryption_key_file: str = Field(
        default=DEFAULT_KEY_FILE,
        alias="encryptionKeyFile",
        description="Key that seals secrets in the bucket; made with mode 0600 on first use. Who loses it "
        "loses the sealed secrets: keep a copy.",
    )
    version_policy: Literal["exact", "nearest"] = Field(
        default="exact",
        alias="versionPolicy",
        description="`exact`: only a package of the asked versions does. `nearest`: the nearest package of "
        "the same Kubernetes minor version serves, with containerd in place of docker.",
    )


class ProviderBody(Document):
    """What kind of cloud, and how to reach it."""

    name: Literal["alibaba"]
    value: ProviderValue


class ProviderEntry(Document):
    """A provider under the key by which contexts name it."""

    name: str = Field(description="Provider key, e.g. `alibaba.dev`.")
    provider: ProviderBody


class ContextBody(Document):
    """What a context stands for."""

    provider_key: str = Field(alias="provider-key", description="`name` of one of the providers.")


class ContextEntry(Document):
    """A context, chosen by `current-context` or $WDRIP_CONTEXT."""

    name: str
    context: ContextBody


class Temporal(Document):
    """Where the Temporal server is."""

    address: str = Field(default="localhost:7233", description="host:port; $TEMPORAL_ADDRESS overrides it.")
    namespace: str = Field(default="default", description="$TEMPORAL_NAMESPACE overrides it.")


class ConfigFile(Document):
    """The whole of `~/.wdrip/config`."""

    api_version: Literal["alibabacloud.com/v1"] = Field(default="alibabacloud.com/v1", alias="apiVersion")
    kind: Literal["Config"] = "Config"
    contexts: list[ContextEntry]
    current_context: str | None = Field(default=None, alias="current-context")
    providers: list[ProviderEntry]
    temporal: Temporal = Field(default_factory=Temporal)


@dataclass(frozen=True)
class Provider:
    """One provider with everything decided: file, environment and defaults."""

    key: str
    """E.g. `alibaba.dev`."""
    access_key_id: str
    access_key_secret: SecretStr
    credentials_source: str
    """Where the access key comes from, for messages about it."""
    bucket: str
    region: str
    endpoints: Endpoints
    encryption_key_file: Path
    version_policy: Literal["exact", "nearest"]

    @property
    def oss_endpoint(self) -> str:
        """URL of OSS as this process reaches it."""
        return self.endpoints.oss or f"https://oss-{self.region}.aliyuncs.com"

    @property
    def oss_internal_endpoint(self) -> str:
        """URL of OSS as the cluster's machines reach it: not over the public network, and free of charge."""
        return self.endpoints.oss_internal or f"https://oss-{self.region}-internal.aliyuncs.com"


@dataclass(frozen=True)
class WdripConfig:
    """The configuration file as read, with the environment's word over it."""

    path: Path
    file: ConfigFile
    mode: int
    """Permission bits of the file."""
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the file that $WDRIP_CONFIG names, else `~/.wdrip/config`.

        Raises InvalidInput when there is none, it cannot be read or something in it is wrong.
        """
        environment = os.environ if environment is None else environment
        path = _home(environment.get(ENV_CONFIG) or DEFAULT_PATH, environment)
        try:
            text = path.read_text(encoding="utf-8")
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            remedy = "write it as the guide shows, or start the local cloud with `wdrip up`"
            raise InvalidInput(str(path), "there is no configuration file", remedy) from None
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(str(path), f"cannot be read ({error})", "mend the file") from None
        return cls(path, read_yaml(ConfigFile, text, str(path)), mode, dict(environment))

    def warnings(self) -> list[str]:
        """What a person should mend although wdrip can go on: secrets that others can read."""
        if self.mode & (stat.S_IRWXG | stat.S_IRWXO):
            return [f"{self.path} holds secrets and others can read it; run `chmod 600 {self.path}`"]
        return []

    @property
    def temporal(self) -> Temporal:
        """The Temporal server; the environment wins over the file."""
        return Temporal(
            address=self.environment.get(ENV_TEMPORAL_ADDRESS) or self.file.temporal.address,
            namespace=self.environment.get(ENV_TEMPORAL_NAMESPACE) or self.file.temporal.namespace,
        )

    @property
    def current_provider_key(self) -> str:
        """The provider key of the context that $WDRIP_CONTEXT or `current-context` names.

        Raises InvalidInput when neither is set or there is no such context.
        """
        chosen = self.environment.get(ENV_CONTEXT)
        name, where = (chosen, ENV_CONTEXT) if chosen else (self.file.current_context, "current-context")
        known = ", ".join(each.name for each in self.file.contexts) or "none"
        if not name:
            raise InvalidInput("current-context", "is not set", f"name one of the contexts: {known}")
        for entry in self.file.contexts:
            if entry.name == name:
                return entry.context.provider_key
        raise InvalidInput(where, f"there is no context {name}", f"name one of: {known}")

    def provider(self, key: str | None = None) -> Provider:
        """The provider with this key, or the current context's.

        Raises InvalidInput when there is none of that key or it has no access key.
        """
        key = key or self.current_provider_key
        for index, entry in enumerate(self.file.providers):
            if entry.name == key:
                return self._resolve(entry, f"providers[{index}].provider.value")
        known = ", ".join(each.name for each in self.file.providers) or "none"
        raise InvalidInput("providers", f"there is no provider {key} in {self.path}", f"known: {known}")

    def _resolve(self, entry: ProviderEntry, where: str) -> Provider:
        value = entry.provider.value
        key_id = self.environment.get(ENV_KEY_ID) or value.access_key_id
        secret = self.environment.get(ENV_KEY_SECRET) or value.access_key_secret
        for name, found, variable in (
            ("accessKeyId", key_id, ENV_KEY_ID),
            ("accessKeySecret", secret, ENV_KEY_SECRET),
        ):
            if not found:
                raise InvalidInput(
                    f"{where}.{name}", "is missing", f"add it to {self.path} or set {variable}"
                )
        overridden = [name for name in (ENV_KEY_ID, ENV_KEY_SECRET) if self.environment.get(name)]
        return Provider(
            key=entry.name,
            access_key_id=str(key_id),
            access_key_secret=secret if isinstance(secret, SecretStr) else SecretStr(str(secret)),
            credentials_source=" and ".join(f"${name}" for name in overridden) or str(self.path),
            bucket=value.bucket_name,
            region=value.region,
            endpoints=value.endpoints,
            encryption_key_file=_home(value.encryption_key_file, self.environment),
            version_policy=value.version_policy,
        )


def _home(path: str, environment: Mapping[str, str]) -> Path:
    """`~/…` below the $HOME of `environment`, which in tests is not this process's."""
    home = environment.get("HOME")
    if home and (path == "~" or path.startswith("~/")):
        return Path(home) / path[2:]
    return Path(path).expanduser()

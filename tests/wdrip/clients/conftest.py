"""A provider whose services are a running local cloud."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from localcloud.client import Access
from wdrip.models.provider_config import Endpoints, Provider

MakeProvider = Callable[[Access, str], Provider]


@pytest.fixture(scope="session")
def provider_of(tmp_path_factory: pytest.TempPathFactory) -> MakeProvider:
    """The provider for a cloud's access and a bucket's name."""
    key_file: Path = tmp_path_factory.mktemp("keys") / "encryption.key"

    def make(access: Access, bucket: str) -> Provider:
        return Provider(
            key="alibaba.test",
            access_key_id=access.access_key_id,
            access_key_secret=SecretStr(access.access_key_secret),
            credentials_source="the test",
            bucket=bucket,
            region="cn-hangzhou",
            endpoints=Endpoints(
                ecs=access.endpoints.get("ecs"),
                ros=access.endpoints.get("ros"),
                oss=access.endpoints["oss"],
                oss_internal=access.endpoints["ossInternal"],
            ),
            encryption_key_file=key_file,
            version_policy="nearest",
        )

    return make

"""`~/.wdrip/config`: the guide's file, optional keys, the environment's word over it, clear refusals."""

from pathlib import Path

import pytest

from wdrip.errors import InvalidInput
from wdrip.models.provider_config import ConfigFile, WdripConfig

GUIDE = """\
apiVersion: alibabacloud.com/v1
contexts:
- context:
    provider-key: alibaba.dev
  name: devEnv
current-context: devEnv
kind: Config
providers:
- name: alibaba.dev
  provider:
    name: alibaba
    value:
      accessKeyId: LTAIexample
      accessKeySecret: very-secret
      bucketName: wdrip-index
      region: cn-hangzhou
"""

LOCAL = (
    GUIDE
    + """\
      endpoints:
        ecs: http://127.0.0.1:18001
        ros: http://127.0.0.1:18002
        oss: http://127.0.0.1:18003
        ossInternal: http://100.118.0.1:18003
      encryptionKeyFile: ~/keys/wdrip.key
      versionPolicy: nearest
temporal:
  address: temporal:7233
  namespace: wdrip
"""
)


def load(home: Path, text: str | None = GUIDE, **environment: str) -> WdripConfig:
    """The configuration of a person whose home directory is `home`."""
    if text is not None:
        path = home / ".wdrip" / "config"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
    return WdripConfig.load({"HOME": str(home), **environment})


def refusal(home: Path, text: str | None, **environment: str) -> str:
    with pytest.raises(InvalidInput) as refused:
        load(home, text, **environment).provider()
    return str(refused.value)


def test_the_guides_file_gives_the_provider_with_alibaba_clouds_addresses(tmp_path: Path) -> None:
    provider = load(tmp_path).provider()
    assert (provider.key, provider.bucket, provider.region) == ("alibaba.dev", "wdrip-index", "cn-hangzhou")
    assert provider.access_key_id == "LTAIexample"
    assert provider.access_key_secret.get_secret_value() == "very-secret"
    assert provider.endpoints.ecs is None
    assert provider.oss_endpoint == "https://oss-cn-hangzhou.aliyuncs.com"
    assert provider.oss_internal_endpoint == "https://oss-cn-hangzhou-internal.aliyuncs.com"
    assert provider.encryption_key_file == tmp_path / ".wdrip" / "encryption.key"
    assert provider.version_policy == "exact"


def test_the_optional_keys_say_where_everything_is(tmp_path: Path) -> None:
    config = load(tmp_path, LOCAL)
    provider = config.provider("alibaba.dev")
    assert provider.endpoints.ros == "http://127.0.0.1:18002"
    assert provider.oss_internal_endpoint == "http://100.118.0.1:18003"
    assert provider.encryption_key_file == tmp_path / "keys" / "wdrip.key"
    assert provider.version_policy == "nearest"
    assert (config.temporal.address, config.temporal.namespace) == ("temporal:7233", "wdrip")


def test_temporal_is_on_this_machine_unless_said_otherwise(tmp_path: Path) -> None:
    assert load(tmp_path).temporal.address == "localhost:7233"
    environment = {"TEMPORAL_ADDRESS": "elsewhere:7233", "TEMPORAL_NAMESPACE": "other"}
    temporal = load(tmp_path, LOCAL, **environment).temporal
    assert (temporal.address, temporal.namespace) == ("elsewhere:7233", "other")


def test_the_environment_names_the_file_the_context_and_the_key(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(GUIDE.replace("devEnv", "test"), encoding="utf-8")
    config = load(tmp_path, None, WDRIP_CONFIG=str(other), WDRIP_CONTEXT="test")
    assert config.current_provider_key == "alibaba.dev"
    keys = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIother", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "other-secret"}
    provider = load(tmp_path, GUIDE, **keys).provider()
    assert provider.access_key_id == "LTAIother"
    assert provider.access_key_secret.get_secret_value() == "other-secret"
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in provider.credentials_source


def test_an_unset_variable_leaves_the_files_word(tmp_path: Path) -> None:
    provider = load(tmp_path, GUIDE, ALIBABA_CLOUD_ACCESS_KEY_ID="").provider()
    assert provider.access_key_id == "LTAIexample"
    assert provider.credentials_source == str(tmp_path / ".wdrip" / "config")


def test_no_secret_shows_in_text(tmp_path: Path) -> None:
    config = load(tmp_path, GUIDE, ALIBABA_CLOUD_ACCESS_KEY_SECRET="other-secret")
    texts = (repr(config), str(config.file), repr(config.provider()), config.file.model_dump_json())
    assert not any("very-secret" in text or "other-secret" in text for text in texts)


def test_a_file_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    assert load(tmp_path).warnings() == []
    (tmp_path / ".wdrip" / "config").chmod(0o640)
    (warning,) = load(tmp_path, None).warnings()
    assert "others can read it" in warning
    assert f"chmod 600 {tmp_path}" in warning


def test_the_guides_placeholders_are_recognised(tmp_path: Path) -> None:
    field = (
        "providers[0].provider.value.accessKeyId: still holds the guide's placeholder; put your own access"
    )
    for text in ("{replace-with-your-own-accessKeyId}", '"{replace-with-your-own-accessKeyId}"', '""'):
        assert refusal(tmp_path, GUIDE.replace("LTAIexample", text)).startswith(field)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "      accessKeyId: LTAIexample\n",
            "",
            "providers[0].provider.value.accessKeyId: is missing; add it to",
        ),
        (
            "bucketName: wdrip-index",
            "bucketName: No_Bucket",
            "providers[0].provider.value.bucketName: is not a",
        ),
        (
            "bucketName",
            "bucket",
            "providers[0].provider.value.bucket: is unknown; did you mean `bucketName`?",
        ),
        ("name: alibaba\n", "name: aws\n", "providers[0].provider.name: has a value that is not supported"),
        ("current-context: devEnv\n", "", "current-context: is not set; name one of the contexts: devEnv"),
        (
            "current-context: devEnv",
            "current-context: x",
            "current-context: there is no context x; name one of",
        ),
        ("provider-key: alibaba.dev", "provider-key: a", "providers: there is no provider a in "),
        ("contexts:", "contxts:", "contxts: is unknown; did you mean `contexts`?"),
        ("region: cn-hangzhou", "region: 1", "providers[0].provider.value.region: must be text"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(tmp_path: Path, old: str, new: str, line: str) -> None:
    message = refusal(tmp_path, GUIDE.replace(old, new))
    assert message.startswith(line)
    assert "very-secret" not in message


def test_an_endpoint_without_scheme_is_refused(tmp_path: Path) -> None:
    text = LOCAL.replace("http://127.0.0.1:18001", "127.0.0.1:18001")
    assert refusal(tmp_path, text).startswith(
        "providers[0].provider.value.endpoints.ecs: is not a service address; write scheme, host and port"
    )


def test_a_context_of_the_environment_that_is_not_there_is_named_as_such(tmp_path: Path) -> None:
    assert refusal(tmp_path, GUIDE, WDRIP_CONTEXT="gone").startswith(
        "WDRIP_CONTEXT: there is no context gone"
    )


def test_without_a_file_the_remedy_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path, None) == (
        f"{tmp_path}/.wdrip/config: there is no configuration file; write it as the guide shows, or start "
        "the local cloud with `wdrip up`"
    )


def test_a_directory_in_the_files_place_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path, None, WDRIP_CONFIG=str(tmp_path))


def test_the_schema_uses_the_files_own_keys() -> None:
    definitions = ConfigFile.model_json_schema()["$defs"]
    assert {"accessKeyId", "accessKeySecret", "bucketName", "region"} <= set(
        definitions["ProviderValue"]["properties"]
    )
    assert "provider-key" in definitions["ContextBody"]["properties"]

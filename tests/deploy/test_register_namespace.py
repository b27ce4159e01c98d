"""The namespace job: waits for the server, registers what is missing, gives up in words."""

from pathlib import Path

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.testing import WorkflowEnvironment

from starters.local.stack import temporal_program
from tests.deploy.fakes import FakeProgram, run

_SERVER = {
    "TEMPORAL_ADDRESS": "temporal:7233",
    "TEMPORAL_NAMESPACE": "production",
    "SEARCH_ATTRIBUTES": "WdripCluster WdripPhase",
    "ATTEMPTS": "4",
    "PAUSE": "0",
}

# A server that comes up at the third question and remembers what it was given.
_SERVER_THAT_STARTS = """
case "$*" in
  "operator cluster health")
    echo x >>"$state/asked"
    test "$(wc -l <"$state/asked")" -ge 3 ;;
  "operator namespace describe"*) test -e "$state/namespace" ;;
  "operator namespace create"*) touch "$state/namespace" ;;
  "operator search-attribute list"*) cat "$state/attributes" 2>/dev/null ;;
  "operator search-attribute create"*) echo "  $7  Keyword" >>"$state/attributes" ;;
esac
"""


def test_waits_for_the_server_then_registers(tmp_path: Path) -> None:
    temporal = FakeProgram(tmp_path, "temporal", _SERVER_THAT_STARTS)

    done = run("register-namespace.sh", tmp_path, _SERVER)

    assert done.returncode == 0, done.stderr
    assert temporal.calls.count("operator cluster health") == 3
    assert "operator namespace create --namespace production --retention 720h" in temporal.calls
    registered = (tmp_path / "attributes").read_text(encoding="utf-8").split()
    assert registered == ["WdripCluster", "Keyword", "WdripPhase", "Keyword"]


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    temporal = FakeProgram(tmp_path, "temporal", _SERVER_THAT_STARTS)
    run("register-namespace.sh", tmp_path, _SERVER)
    before = len(temporal.calls)

    done = run("register-namespace.sh", tmp_path, _SERVER)

    assert done.returncode == 0
    assert not [call for call in temporal.calls[before:] if " create " in call]


def test_attribute_is_no_prefix_match(tmp_path: Path) -> None:
    temporal = FakeProgram(tmp_path, "temporal", _SERVER_THAT_STARTS)
    (tmp_path / "attributes").write_text("  WdripClusterOld  Keyword\n")

    run("register-namespace.sh", tmp_path, _SERVER)

    created = [call for call in temporal.calls if "search-attribute create" in call]
    assert any("--name WdripCluster " in call for call in created)


def test_gives_up_on_a_silent_server(tmp_path: Path) -> None:
    temporal = FakeProgram(tmp_path, "temporal", "exit 1")

    done = run("register-namespace.sh", tmp_path, _SERVER)

    assert done.returncode == 1
    assert "Temporal at temporal:7233: gave up after 4 tries" in done.stderr
    assert len(temporal.calls) == 4


async def test_works_with_the_real_server(tmp_path: Path) -> None:
    (tmp_path / "temporal").symlink_to(temporal_program())
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=temporal_program()) as server:
        address = server.client.service_client.config.target_host
        done = run("register-namespace.sh", tmp_path, {**_SERVER, "TEMPORAL_ADDRESS": address, "PAUSE": "1"})

        assert done.returncode == 0, done.stderr
        listed = await server.client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace="production")
        )
        assert {"WdripCluster", "WdripPhase"} <= set(listed.custom_attributes)

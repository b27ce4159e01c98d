"""The operations as they are sent: size, secrecy, syntax; and the ones that a plain shell can run."""

import base64
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from tests.wdrip.nodes.sandbox import Sandbox
from wdrip.nodes import etcd_operations, operations
from wdrip.nodes.operations import MAX_COMMAND_BYTES, NodeOperation, launch
from wdrip.security.bundle import SecretsBundle
from wdrip.security.handover import encrypt_for_machine
from wdrip.security.machine_files import master_archive, worker_archive

# As long as they come: a V4 signature with a temporary credential's security token.
LONG_URL = "http://bucket.example/package?x-oss-signature=" + "a" * 1500
LONG_YAML = "kind: InitConfiguration\n" + "a: b\n" * 500
NODE = "192.168.0.77.i-bp12a2wcmbrd4383cai3"
ENDPOINTS = tuple(f"https://192.168.0.{host}:2379" for host in range(78, 85))
ENDPOINT_NAME = "apiserver.kubernetes-id-001.wdrip"


REPOSITORY = "registry-vpc.cn-hangzhou.aliyuncs.com/acs"


def every_operation() -> list[NodeOperation]:
    return [
        operations.prepare_identity(NODE),
        operations.install_package(
            LONG_URL, "0" * 64, "v1.20.2", "registry-vpc.cn-hangzhou.aliyuncs.com/acs"
        ),
        operations.receive_secrets(LONG_URL, "0" * 64),
        operations.set_endpoint_address("apiserver.kubernetes-id-001.wdrip", "192.168.0.77"),
        operations.start_first_etcd(NODE, "192.168.0.77", "uid"),
        etcd_operations.list_etcd_members(ENDPOINTS),
        etcd_operations.add_etcd_learner(NODE, "192.168.0.77"),
        etcd_operations.start_joining_etcd(NODE, "192.168.0.77", "uid", "8e9e05c52164694d", ENDPOINTS),
        etcd_operations.promote_etcd_member("8e9e05c52164694d"),
        etcd_operations.move_etcd_leader("8e9e05c52164694d"),
        etcd_operations.remove_etcd_member("8e9e05c52164694d"),
        etcd_operations.wipe_etcd_data(),
        operations.init_control_plane(LONG_YAML, NODE),
        operations.join_control_plane(LONG_YAML, NODE, ENDPOINT_NAME, "192.168.0.99", "192.168.0.77"),
        operations.join_worker(LONG_YAML, NODE, ENDPOINT_NAME, "192.168.0.99"),
        operations.configure_pod_network(NODE, "172.16.0.0/16", 25),
        operations.wait_node_ready(NODE, 120),
        operations.list_nodes(),
        operations.collect_diagnostics(),
        operations.restart_services(),
        operations.leave_cluster(),
        operations.wipe_machine(),
    ]


EVERY_OPERATION = pytest.mark.parametrize(
    "operation", every_operation(), ids=lambda operation: operation.name
)


@EVERY_OPERATION
def test_the_command_fits_into_run_command(operation: NodeOperation) -> None:
    assert len(base64.b64encode(launch(operation, 3600).encode())) <= MAX_COMMAND_BYTES


@EVERY_OPERATION
def test_the_whole_command_is_valid_bash(operation: NodeOperation) -> None:
    for text in (operation.script, launch(operation, 30)):
        done = subprocess.run(["/bin/bash", "-n"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@EVERY_OPERATION
def test_a_url_stands_in_no_argument_and_in_no_digest(operation: NodeOperation) -> None:
    assert LONG_URL not in operation.script
    assert (
        "curl " not in operation.script or "--config" in operation.script or "127.0.0.1" in operation.script
    )


def test_operations_have_names_of_their_own() -> None:
    names = [operation.name for operation in every_operation()]
    assert len(set(names)) == len(names)


def test_other_parameters_make_another_digest() -> None:
    assert (
        operations.start_first_etcd("a", "192.168.0.77", "uid").digest
        != operations.start_first_etcd("a", "192.168.0.78", "uid").digest
    )


def test_a_command_too_large_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match=r"init-control-plane: \d+ bytes .* RunCommand takes"):
        launch(operations.init_control_plane("x" * 20_000, NODE), 30)


@pytest.mark.parametrize("url", ['http://a/"b', "http://a/ b", "http://a/\nb", "http://a/\\b"])
def test_a_url_cannot_smuggle_in_options(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        operations.receive_secrets(url, "0" * 64)


def test_first_range_is_the_first_of_the_asked_size() -> None:
    script = operations.configure_pod_network(NODE, "172.16.0.0/16", 25).script
    assert "WDRIP_FIRST_RANGE=172.16.0.0/25\n" in script


def test_no_certificate_in_an_output_is_told() -> None:
    with pytest.raises(ValueError, match="no certificate"):
        operations.certificate_in("ERROR: no openssl")


@pytest.fixture
def certificate(sandbox: Sandbox) -> str:
    """The certificate of the sandbox's own identity."""
    return operations.certificate_in(sandbox.launch(operations.prepare_identity("m1")).output)


def file_url(path: Path) -> str:
    return f"file://{path}"


def test_identity_is_made_once_and_kept_to_root(sandbox: Sandbox, certificate: str) -> None:
    again = sandbox.launch(operations.prepare_identity("another name, so that it runs again"))
    assert operations.certificate_in(again.output) == certificate
    assert sandbox.path("/var/lib/wdrip/identity.key").stat().st_mode & 0o777 == 0o600


def sent(sandbox: Sandbox, archive: bytes, certificate: str) -> NodeOperation:
    """The operation that receives `archive`, encrypted to `certificate`."""
    transit = sandbox.folder / "transit.cms"
    transit.write_bytes(encrypt_for_machine(archive, certificate))
    return operations.receive_secrets(file_url(transit), hashlib.sha256(archive).hexdigest())


def tar_of(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_secrets_arrive_whole_and_root_only(sandbox: Sandbox, certificate: str) -> None:
    bundle = SecretsBundle.new("abcdef.0123456789abcdef")
    result = sandbox.launch(sent(sandbox, master_archive(bundle, NODE, "192.168.0.77"), certificate))
    assert result.code == 0, result.output
    for name in operations.MASTER_SECRET_FILES:
        file = sandbox.path(f"/{name}")
        assert file.stat().st_mode & 0o777 == 0o600
    assert sandbox.path("/etc/wdrip/bootstrap-token").read_text() == "abcdef.0123456789abcdef\n"
    etcd_ca = sandbox.path("/etc/etcd/pki/ca.crt").read_text()
    assert sandbox.path(operations.ETCD_CA_FILE).read_text() == etcd_ca


def test_no_secret_is_left_in_transit_or_in_the_log(sandbox: Sandbox, certificate: str) -> None:
    bundle = SecretsBundle.new("abcdef.0123456789abcdef")
    result = sandbox.launch(sent(sandbox, worker_archive(bundle), certificate))
    assert result.code == 0, result.output
    assert "PRIVATE KEY" not in result.output
    assert list(sandbox.path("/run/wdrip").iterdir()) == []


def test_secrets_for_another_machine_are_refused(sandbox: Sandbox, certificate: str, tmp_path: Path) -> None:
    with closing(Sandbox(tmp_path)) as other:
        foreign = operations.certificate_in(other.launch(operations.prepare_identity("m2")).output)
    result = sandbox.launch(sent(sandbox, tar_of({"etc/wdrip/bootstrap-token": b"x"}), foreign))
    assert result.code == operations.SECRETS_CORRUPTED
    assert "not encrypted to this machine" in result.output


def test_secrets_that_were_swapped_on_the_way_are_refused(sandbox: Sandbox, certificate: str) -> None:
    operation = sent(sandbox, tar_of({"etc/wdrip/bootstrap-token": b"x"}), certificate)
    sent(sandbox, tar_of({"etc/wdrip/bootstrap-token": b"y"}), certificate)
    result = sandbox.launch(operation)
    assert result.code == operations.SECRETS_CORRUPTED
    assert "not the ones that were sent" in result.output
    assert not sandbox.path("/etc/wdrip/bootstrap-token").exists()


@pytest.mark.parametrize("name", ["etc/cron.d/job", "etc/kubernetes/admin.conf", "root/.ssh/authorized_keys"])
def test_secrets_go_only_where_they_belong(sandbox: Sandbox, certificate: str, name: str) -> None:
    result = sandbox.launch(sent(sandbox, tar_of({name: b"x"}), certificate))
    assert result.code == operations.SECRETS_CORRUPTED
    assert "unexpected members" in result.output
    assert not sandbox.path(f"/{name}").exists()


def test_a_url_that_gives_nothing_is_a_failed_download(sandbox: Sandbox, certificate: str) -> None:
    sandbox.program("sleep", "#!/bin/bash\n[[ $1 == 0.* ]] && exec /bin/sleep $1; exit 0\n")
    result = sandbox.launch(operations.receive_secrets(file_url(sandbox.folder / "missing"), "0" * 64))
    assert result.code == operations.DOWNLOAD_FAILED
    assert "download failed" in result.output


def test_a_corrupted_package_is_told_apart_and_fetched_anew(sandbox: Sandbox) -> None:
    package = sandbox.folder / "package.tar.gz"
    package.write_bytes(b"not what the index says")
    wanted = hashlib.sha256(b"what the index says").hexdigest()
    operation = operations.install_package(file_url(package), wanted, "v1.20.2", "registry.example/acs")
    result = sandbox.launch(operation)
    assert result.code == operations.PACKAGE_CORRUPTED
    assert "package corrupted" in result.output
    assert list(sandbox.path("/var/lib/wdrip/package").iterdir()) == []


def test_endpoint_address_replaces_the_former_one(sandbox: Sandbox) -> None:
    hosts = sandbox.path("/etc/hosts")
    hosts.write_text("127.0.0.1 localhost\n10.0.0.9 apiserver.a.wdrip\n10.0.0.8 apiserver.b.wdrip\n")
    result = sandbox.launch(operations.set_endpoint_address("apiserver.a.wdrip", "10.0.0.1"))
    assert result.code == 0, result.output
    assert hosts.read_text() == (
        "127.0.0.1 localhost\n10.0.0.8 apiserver.b.wdrip\n10.0.0.1 apiserver.a.wdrip\n"
    )


def test_a_failing_script_ends_with_a_clear_line(sandbox: Sandbox) -> None:
    sandbox.program("openssl", "#!/bin/bash\nexit 9\n")
    result = sandbox.launch(operations.prepare_identity("m1"))
    assert result.code == 9
    assert result.output.rstrip().splitlines()[-1].startswith("ERROR: line ")


def test_nodes_are_listed_and_read_out_of_a_log(sandbox: Sandbox) -> None:
    other = "virtual-kubelet"
    sandbox.program("kubectl", f"#!/bin/bash\necho node/{NODE}\necho node/{other}\n")
    result = sandbox.launch(operations.list_nodes())
    assert result.code == 0, result.output
    assert operations.names_in(f"10:24:00 a line before\n{result.output}") == (NODE, other)


def test_a_cluster_without_nodes_has_none(sandbox: Sandbox) -> None:
    sandbox.program("kubectl", "#!/bin/bash\n")
    result = sandbox.launch(operations.list_nodes())
    assert (result.code, operations.names_in(result.output)) == (0, ())


def test_an_api_server_that_does_not_answer_is_not_a_cluster_without_nodes(sandbox: Sandbox) -> None:
    sandbox.program("kubectl", "#!/bin/bash\necho 'the server is away' >&2\nexit 1\n")
    result = sandbox.launch(operations.list_nodes())
    assert result.code not in (0, operations.STILL_RUNNING)

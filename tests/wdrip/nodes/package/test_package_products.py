"""The real package: what is inside works, on this kernel and without what a machine image lacks."""

import subprocess
import tarfile
from pathlib import Path

import pytest

from localcloud.images import default_cache
from wdrip.nodes.package import DEFAULT_VERSION, BuiltPackage, build_package

pytestmark = [pytest.mark.machines, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def built() -> BuiltPackage:
    return build_package(default_cache(), DEFAULT_VERSION, print)


@pytest.fixture(scope="module")
def unpacked(built: BuiltPackage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("package")
    output("tar", "--extract", "--file", built.archive, "--directory", target)
    return target


def output(*command: object) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_program_starts_and_says_the_version_of_the_manifest(
    built: BuiltPackage, unpacked: Path
) -> None:
    versions = built.manifest.versions
    programs = unpacked / "bin"
    assert output(programs / "kubeadm", "version", "-o", "short").strip() == f"v{versions.kubernetes}"
    assert output(programs / "kubelet", "--version").strip() == f"Kubernetes v{versions.kubernetes}"
    assert f"v{versions.kubernetes}" in output(programs / "kubectl", "version", "--client", "--short")
    for program, version in [("etcd", versions.etcd), ("containerd", versions.containerd)]:
        assert version in output(programs / program, "--version")
    assert versions.runc in output(programs / "runc", "--version")
    assert versions.etcd in output(programs / "etcdctl", "version")
    assert versions.containerd in output(programs / "ctr", "--version")


def test_kubernetes_needs_nothing_of_the_machine(unpacked: Path) -> None:
    for program in ("kubeadm", "kubelet", "kubectl"):
        assert b"ld-linux" not in (unpacked / "bin" / program).read_bytes()[:4096]


def test_kube_proxys_image_brings_packet_filter_tools_that_work(unpacked: Path, tmp_path: Path) -> None:
    with tarfile.open(unpacked / "images/kube-proxy.tar") as image:
        (layer,) = [member for member in image if member.name.endswith(".tar")]
        image.extract(layer, tmp_path)
    output("tar", "--extract", "--file", tmp_path / layer.name, "--directory", tmp_path)
    # What every container runtime provides.
    (tmp_path / "run").mkdir()
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/null").touch()
    inside = ["unshare", "--net", "chroot", tmp_path]
    for backend in ("nft", "legacy"):
        tools = f"/usr/local/lib/iptables/{backend}"
        script = f"{tools}/iptables -t nat -N KUBE-SERVICES && {tools}/iptables-save -t nat"
        assert ":KUBE-SERVICES" in output(*inside, "/bin/sh", "-c", script)
    assert "conntrack" in output(*inside, "conntrack", "--version")
    assert "ipset" in output(*inside, "ipset", "--version")
    assert "Kubernetes v" in output(*inside, "/usr/local/bin/kube-proxy", "--version")


def test_pause_leaves_when_it_is_asked_to(unpacked: Path, tmp_path: Path) -> None:
    output("tar", "-xf", unpacked / "images/pause.tar", "-C", tmp_path)
    (layer,) = tmp_path.glob("*.tar")
    output("tar", "-xf", layer, "-C", tmp_path)
    with subprocess.Popen([tmp_path / "pause"]) as process:
        status = Path(f"/proc/{process.pid}/status")
        # Bits of SIGINT, SIGTERM and SIGCHLD: it has asked for all three.
        while "SigCgt:\t0000000000014002" not in status.read_text():
            assert process.poll() is None
        process.terminate()
        assert process.wait(10) == 0

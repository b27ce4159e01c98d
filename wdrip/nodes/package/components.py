"""The parts of a package, from either origin, in one form."""

import hashlib
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wdrip.errors import PermanentError
from wdrip.models.package import PackageVersions
from wdrip.nodes.package import kubernetes_source, official, proxy_layer
from wdrip.nodes.package.archive import Member, Members
from wdrip.nodes.package.container_image import (
    NEUTRAL_REPOSITORY,
    ContainerImage,
    write_image,
    write_renamed,
)
from wdrip.nodes.package.debian import DebianArchive, install_tools
from wdrip.nodes.package.store import Report, cached

ARCHITECTURE = "amd64"
"""The one architecture that packages are made for."""

KUBERNETES_PROGRAMS = ("kubeadm", "kubectl", "kubelet")
RUNTIME_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr")
ETCD_PROGRAMS = ("etcd", "etcdctl")
PLUGINS = ("bridge", "host-local", "loopback", "portmap")
"""CNI plugins that the pod network and containerd's own defaults use."""

CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
REQUIRED_IMAGES = (*CONTROL_PLANE, "kube-proxy", "pause")

_PAUSE_SOURCE = Path(__file__).with_name("pause.c")
_DEBIAN_PACKAGES = ("containerd", "containernetworking-plugins", "etcd-client", "etcd-server", "runc")

Origin = Literal["official", "source"]
"""The projects' own downloads, or built from the distribution's source."""

ImageWriter = Callable[[Path, str], None]
"""Writes one image as a docker-archive to a path, under a complete name."""


@dataclass(frozen=True)
class Components:
    """What a package is put together from; paths are files in the cache."""

    origin: Origin
    versions: PackageVersions
    programs: Mapping[str, Path]
    plugins: Mapping[str, Path]
    images: Mapping[str, ImageWriter]
    """Writers by the image's short name, e.g. `kube-proxy`."""


def recipe(*parts: object) -> str:
    """12 hex digits that change with any part; a Path stands for its content."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:12]


def from_source(cache: Path, report: Report) -> Components:
    """Kubernetes built from Debian's source, all else from its packages. Raises PermanentError."""
    archive = DebianArchive(cache / "apt", report)
    kubernetes = built_kubernetes(cache, archive, report)
    others = _extracted(cache, "runtime", _DEBIAN_PACKAGES, archive, report)
    tools = _extracted(cache, "proxy-tools", proxy_layer.DEBIAN_PACKAGES, archive, report)
    versions = _recorded_versions(others)
    programs = {name: kubernetes / name for name in KUBERNETES_PROGRAMS}
    programs |= {name: others / "usr/bin" / name for name in (*RUNTIME_PROGRAMS, *ETCD_PROGRAMS)}
    programs["runc"] = others / "usr/sbin/runc"
    images = {name: _program_image(kubernetes / name, f"/usr/local/bin/{name}") for name in CONTROL_PLANE}
    layer = proxy_layer.proxy_layer(tools, kubernetes / "kube-proxy")
    images["kube-proxy"] = _image(layer, "/usr/local/bin/kube-proxy")
    images["pause"] = _program_image(_pause(cache, report), "/pause")
    return Components(
        origin="source",
        versions=PackageVersions(
            kubernetes=kubernetes_source.VERSION,
            etcd=versions["etcd-server"],
            containerd=versions["containerd"],
            runc=versions["runc"],
            cni=versions["containernetworking-plugins"],
        ),
        programs=programs,
        plugins={name: others / "usr/lib/cni" / name for name in PLUGINS},
        images=images,
    )


def built_kubernetes(cache: Path, archive: DebianArchive, report: Report) -> Path:
    """The directory of Kubernetes' programs built from source; built now unless the cache has it."""
    digest = recipe(Path(kubernetes_source.__file__))
    directory = cache / "kubernetes" / f"{kubernetes_source.VERSION}-source-{digest}"
    work = directory.with_name(f"{directory.name}.work")
    return cached(
        directory,
        lambda target: kubernetes_source.build_kubernetes(target, work, archive, report),
        report,
    )


def from_official(cache: Path, version: str, site: official.OfficialSite, report: Report) -> Components:
    """Everything from the projects' own downloads (`pause` is compiled). Raises PermanentError."""
    server = site.fetch(official.kubernetes_server(version, ARCHITECTURE))
    runtime = site.fetch(official.containerd(ARCHITECTURE))
    runc = site.fetch(official.runc(ARCHITECTURE))
    cni = site.fetch(official.cni(ARCHITECTURE))
    etcd = site.fetch(official.etcd(ARCHITECTURE))
    key = recipe(version, official.CONTAINERD, official.RUNC, official.CNI, official.ETCD, Path(__file__))
    archived_images = (*CONTROL_PLANE, "kube-proxy")

    def collect(target: Path) -> None:
        report("unpacking the downloads")
        inside = "kubernetes/server/bin"
        wanted = {f"{inside}/{name}": name for name in KUBERNETES_PROGRAMS}
        wanted |= {f"{inside}/{name}.tar": f"{name}.tar" for name in archived_images}
        official.unpack(server, wanted, target)
        official.unpack(runtime, {f"bin/{name}": name for name in RUNTIME_PROGRAMS}, target)
        official.unpack(cni, {name: name for name in PLUGINS}, target)
        folder = f"etcd-v{official.ETCD}-linux-{ARCHITECTURE}"
        official.unpack(etcd, {f"{folder}/{name}": name for name in ETCD_PROGRAMS}, target)
        (target / "runc").write_bytes(runc.read_bytes())

    parts = cached(cache / "kubernetes" / f"{version}-official-{key}", collect, report)
    images: dict[str, ImageWriter] = {name: _renamed(parts / f"{name}.tar") for name in archived_images}
    images["pause"] = _program_image(_pause(cache, report), "/pause")
    for name in image_names(parts / "kubeadm", version):
        short, _, tag = name.rpartition("/")[2].partition(":")
        if short == "coredns":
            images["coredns"] = _program_image(_coredns(cache, tag, site, report), "/coredns")
    return Components(
        origin="official",
        versions=PackageVersions(
            kubernetes=version,
            etcd=official.ETCD,
            containerd=official.CONTAINERD,
            runc=official.RUNC,
            cni=official.CNI,
        ),
        programs={
            name: parts / name for name in (*KUBERNETES_PROGRAMS, *RUNTIME_PROGRAMS, *ETCD_PROGRAMS, "runc")
        },
        plugins={name: parts / name for name in PLUGINS},
        images=images,
    )


def image_names(kubeadm: Path, version: str) -> list[str]:
    """Complete names of the images that this kubeadm wants, in the neutral repository.

    kubeadm itself is asked: the tags of pause and CoreDNS differ from version to version.
    Raises PermanentError when it cannot say.
    """
    command = [
        *(str(kubeadm), "config", "images", "list"),
        *("--kubernetes-version", f"v{version}", "--image-repository", NEUTRAL_REPOSITORY),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError as problem:
        raise PermanentError(
            f"kubeadm does not run here ({problem}); build on linux/{ARCHITECTURE}"
        ) from problem
    if done.returncode != 0:
        raise PermanentError(f"kubeadm does not name its images: {done.stderr.strip()[-500:]}")
    return done.stdout.split()


def _extracted(
    cache: Path, name: str, packages: tuple[str, ...], archive: DebianArchive, report: Report
) -> Path:
    def extract(target: Path) -> None:
        report(f"fetching from Debian: {', '.join(packages)}")
        versions = archive.extract(packages, target / "root")
        lines = [f"{package} {version}" for package, version in sorted(versions.items())]
        (target / "versions").write_text("\n".join(lines) + "\n")

    return cached(cache / "debian" / f"{name}-{recipe(*packages)}", extract, report) / "root"


def _recorded_versions(root: Path) -> dict[str, str]:
    lines = (root.parent / "versions").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def _pause(cache: Path, report: Report) -> Path:
    def compile_pause(target: Path) -> None:
        install_tools(("gcc", "libc6-dev"), report)
        command = ["gcc", "-Os", "-static", "-s", "-o", str(target / "pause"), str(_PAUSE_SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise PermanentError(f"compiling {_PAUSE_SOURCE.name} failed:\n{done.stderr.strip()[-500:]}")

    return cached(cache / "pause" / recipe(_PAUSE_SOURCE), compile_pause, report) / "pause"


def _coredns(cache: Path, tag: str, site: official.OfficialSite, report: Report) -> Path:
    version = tag.removeprefix("v")
    archive = site.fetch(official.coredns(version, ARCHITECTURE))

    def collect(target: Path) -> None:
        official.unpack(archive, {"coredns": "coredns"}, target)

    return cached(cache / "coredns" / version, collect, report) / "coredns"


def _program_image(program: Path, path: str) -> ImageWriter:
    return _image({path.lstrip("/"): Member(program, mode=0o755)}, path)


def _image(layer: Members, entrypoint: str) -> ImageWriter:
    return lambda target, name: write_image(target, ContainerImage(name, layer, (entrypoint,)), ARCHITECTURE)


def _renamed(source: Path) -> ImageWriter:
    return lambda target, name: write_renamed(target, source, name)

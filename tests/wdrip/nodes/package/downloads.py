"""A small stand-in for the projects' download sites: the published files by URL, and who asked for what."""

import hashlib
import io
import tarfile
import tempfile
import urllib.error
from contextlib import AbstractContextManager, closing
from email.message import Message
from pathlib import Path
from typing import IO

from wdrip.nodes.package import official
from wdrip.nodes.package.archive import Member, Members, write_tar
from wdrip.nodes.package.container_image import ContainerImage, write_image
from wdrip.nodes.package.official import Download

# Prints what the real one prints for `config images list`.
KUBEADM = b"""#!/bin/sh
for image in kube-apiserver:v1.21.3 kube-controller-manager:v1.21.3 kube-scheduler:v1.21.3 \\
  kube-proxy:v1.21.3 pause:3.4.1 etcd:3.4.13-0 coredns:v1.8.0; do echo "wdrip.local/$image"; done
"""


def packed(members: Members) -> bytes:
    """A .tar.gz of the members."""
    plain = io.BytesIO()
    write_tar(plain, members)
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        plain.seek(0)
        with tarfile.open(fileobj=plain) as source:
            for member in source:
                archive.addfile(member, source.extractfile(member))
    return target.getvalue()


def image(name: str) -> bytes:
    """A published docker-archive of one image."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "image.tar"
        published = f"registry.test/{name}-amd64:v1.21.3"
        write_image(path, ContainerImage(published, {name: Member(name.encode())}, (f"/{name}",)), "amd64")
        return path.read_bytes()


class Downloads:
    """Serves Kubernetes 1.21.3 and what goes with it; `down` makes every host unreachable."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.down: OSError | None = None
        server = {f"kubernetes/server/bin/{name}": Member(name.encode()) for name in ("kubelet", "kubectl")}
        server["kubernetes/server/bin/kubeadm"] = Member(KUBEADM)
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"):
            server[f"kubernetes/server/bin/{name}.tar"] = Member(image(name))
        etcd = f"etcd-v{official.ETCD}-linux-amd64"
        self.publish(official.kubernetes_server("1.21.3", "amd64"), packed(server))
        runtime = ("containerd", "containerd-shim-runc-v2", "ctr")
        self.publish(
            official.containerd("amd64"), packed({f"bin/{name}": Member(b"GLIBC_2.31\0") for name in runtime})
        )
        self.publish(official.runc("amd64"), b"runc")
        plugins = ("bridge", "host-local", "loopback", "portmap", "vrf")
        self.publish(official.cni("amd64"), packed({f"./{name}": Member(name.encode()) for name in plugins}))
        self.publish(
            official.etcd("amd64"),
            packed({f"{etcd}/{name}": Member(name.encode()) for name in ("etcd", "etcdctl", "README.md")}),
        )
        self.publish(official.coredns("1.8.0", "amd64"), packed({"coredns": Member(b"coredns")}))

    def publish(self, download: Download, content: bytes) -> None:
        """Puts a file and its checksum on the site."""
        self.files[download.url] = content
        digest = hashlib.new(download.algorithm, content).hexdigest()
        self.files[download.checksum_url] = f"{digest}  {download.name}\n".encode()

    def open(self, url: str, _timeout: float) -> AbstractContextManager[IO[bytes]]:
        """An opener as `OfficialSite` takes it."""
        self.asked.append(url)
        if self.down:
            raise self.down
        if url not in self.files:
            raise urllib.error.HTTPError(url, 404, "Not Found", Message(), None)
        return closing(io.BytesIO(self.files[url]))

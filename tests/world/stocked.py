"""What a usable cloud holds before a create: the guide's image and one software package."""

from tests.world.cloud import MemoryCloud
from tests.world.guide import guide_config
from wdrip import names
from wdrip.clients.ecs import Image
from wdrip.models.package import PackageEntry, PackageIndex, PackageVersions

PACKAGE = PackageEntry(
    name="kubernetes-v1.20.2-linux-amd64",
    key="wdrip/packages/kubernetes-v1.20.2.tar.gz",
    size=1,
    sha256="ab" * 32,
    architecture="amd64",
    origin="source",
    versions=PackageVersions(
        kubernetes="1.20.2", etcd="3.4.23", containerd="1.6.20", runc="1.1.5", cni="1.1.1"
    ),
)


def stock(cloud: MemoryCloud) -> MemoryCloud:
    """Put image and package there."""
    image = guide_config("c1").iaas.image
    cloud.machines.images[image] = Image(image, "CentOS 7.9", "Available", 20)
    index = PackageIndex(packages=[PACKAGE])
    cloud.oss.objects[names.PACKAGE_INDEX_KEY] = index.model_dump_json().encode()
    cloud.oss.objects[PACKAGE.key] = b"archive"
    return cloud

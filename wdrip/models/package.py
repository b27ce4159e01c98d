"""Software packages: what one holds (its manifest) and which ones the bucket has (the index)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from wdrip.errors import PermanentError


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PackageVersions(_Model):
    """Upstream versions of the programs in a package, without a leading `v`."""

    kubernetes: str
    etcd: str
    containerd: str
    runc: str
    cni: str


class PackageFile(_Model):
    """One file inside a package."""

    path: str
    """Relative path, e.g. `bin/kubeadm`."""
    size: int
    """Bytes."""
    sha256: str
    """64 hex digits."""


class PackageManifest(_Model):
    """`manifest.json` of a package, inside the archive and beside it."""

    name: str
    """e.g. `kubernetes-v1.20.2-linux-amd64`."""
    architecture: str
    """As Go names it, e.g. `amd64`."""
    origin: Literal["official", "source"]
    """Where Kubernetes comes from: the project's own downloads, or built from the distribution's source."""
    versions: PackageVersions
    minimum_glibc: str | None = None
    """The oldest C library that the dynamically linked programs start with; null when all are static."""
    images: list[str] = Field(default_factory=list)
    """Container images by complete name, e.g. `wdrip.local/pause:3.2`."""
    files: list[PackageFile] = Field(default_factory=list)
    """Every other file of the package, by path."""


class PackageEntry(_Model):
    """One line of the index: where a package lies and how to know that it arrived whole."""

    name: str
    key: str
    """Key of the archive in the bucket."""
    size: int
    """Bytes of the archive."""
    sha256: str
    """64 hex digits, of the archive."""
    architecture: str
    origin: Literal["official", "source"]
    versions: PackageVersions


class PackageIndex(_Model):
    """`wdrip/packages/index.json`: every package in the bucket."""

    packages: list[PackageEntry] = Field(default_factory=list)

    def named(self, name: str) -> PackageEntry:
        """The package of that name; raises PermanentError that lists what there is."""
        for entry in self.packages:
            if entry.name == name:
                return entry
        there = ", ".join(entry.name for entry in self.packages) or "none"
        raise PermanentError(
            f"no package {name} in the bucket (there: {there}); make one with: wdrip build --upload"
        )

    def with_entry(self, entry: PackageEntry) -> "PackageIndex":
        """This index with `entry` in the place of an older one of the same name."""
        others = [other for other in self.packages if other.name != entry.name]
        return PackageIndex(packages=sorted([*others, entry], key=lambda one: one.name))

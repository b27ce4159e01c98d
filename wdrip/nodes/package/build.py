"""Puts a software package together: `wdrip build`."""

import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from wdrip.errors import InvalidInput, PermanentError
from wdrip.models.package import PackageEntry, PackageFile, PackageManifest
from wdrip.names import PACKAGES_PREFIX
from wdrip.nodes.package import kubernetes_source
from wdrip.nodes.package.archive import Member, write_package_archive
from wdrip.nodes.package.components import (
    ARCHITECTURE,
    REQUIRED_IMAGES,
    Components,
    Origin,
    from_official,
    from_source,
    image_names,
    recipe,
)
from wdrip.nodes.package.elf import minimum_glibc
from wdrip.nodes.package.official import OfficialSite
from wdrip.nodes.package.store import Report, cached, recorded_sha256, sha256_of

DEFAULT_VERSION = kubernetes_source.VERSION
"""The Kubernetes version of a package when none is asked for: the one that can be had on every machine."""

MANIFEST = "manifest.json"

_HERE = Path(__file__).parent

_READERS = {"__init__.py", "extract.py", "publish.py"}

_VERSION = re.compile(r"v?(\d+\.\d+\.\d+)")


@dataclass(frozen=True)
class BuiltPackage:
    """A package in the cache: the archive and what it holds."""

    archive: Path
    manifest: PackageManifest
    size: int
    sha256: str

    @property
    def entry(self) -> PackageEntry:
        """This package's line in the bucket's index.

        The key carries the archive's digest: another build never changes what a machine is just fetching.
        """
        return PackageEntry(
            name=self.manifest.name,
            key=f"{PACKAGES_PREFIX}{self.manifest.name}-{self.sha256[:12]}.tar.gz",
            size=self.size,
            sha256=self.sha256,
            architecture=self.manifest.architecture,
            origin=self.manifest.origin,
            versions=self.manifest.versions,
        )


def package_name(version: str) -> str:
    """Name of the package of a Kubernetes version (without `v`), e.g. `kubernetes-v1.20.2-linux-amd64`."""
    return f"kubernetes-v{version}-linux-{ARCHITECTURE}"


def build_package(
    cache: Path, version: str, report: Report, site: OfficialSite | None = None
) -> BuiltPackage:
    """The package of a Kubernetes version (`1.20.2` or `v1.20.2`), made now unless `cache` has it.

    The projects' own downloads are taken where they can be reached; else Kubernetes is built from the
    distribution's source, which has one version. `report` gets a line for each thing that happens. Raises
    InvalidInput for what is no version, PermanentError when the package cannot be made here, TemporaryError
    when the network failed in the middle.
    """
    matched = _VERSION.fullmatch(version)
    if matched is None:
        raise InvalidInput("version", f"{version!r} is no Kubernetes version", "write it like 1.20.2")
    number = matched[1]
    site = site or OfficialSite(cache, report)
    origin = _cached_origin(cache, number) or _reachable_origin(number, site, report)

    def collect() -> Components:
        return (
            from_official(cache, number, site, report) if origin == "official" else from_source(cache, report)
        )

    directory = cached(
        _directory(cache, number, origin), lambda target: _assemble(target, collect(), report), report
    )
    manifest = PackageManifest.model_validate_json((directory / MANIFEST).read_bytes())
    archive = directory / f"{manifest.name}.tar.gz"
    return BuiltPackage(archive, manifest, archive.stat().st_size, recorded_sha256(archive))


def _directory(cache: Path, version: str, origin: Origin) -> Path:
    # Any change of the builder is a change of what it makes; the others only read what is made.
    builder = sorted(path for path in _HERE.iterdir() if path.suffix in {".py", ".sh", ".c"})
    builder = [path for path in builder if path.name not in _READERS]
    return cache / "packages" / f"{package_name(version)}-{origin}-{recipe(*builder)}"


def _cached_origin(cache: Path, version: str) -> Origin | None:
    origins: tuple[Origin, ...] = ("official", "source")
    return next((origin for origin in origins if _directory(cache, version, origin).is_dir()), None)


def _reachable_origin(version: str, site: OfficialSite, report: Report) -> Origin:
    obstacle = site.unreachable(version, ARCHITECTURE)
    if obstacle is None:
        report(f"Kubernetes {version}: from the official downloads; about a minute on a fast connection")
        return "official"
    if version != kubernetes_source.VERSION:
        raise PermanentError(
            f"Kubernetes {version} needs the official downloads, which cannot be reached from here "
            f"({obstacle}); without them only {kubernetes_source.VERSION} can be built"
        )
    report(f"the official downloads cannot be reached ({obstacle}): building from the distribution's source")
    return "source"


def _assemble(target: Path, parts: Components, report: Report) -> None:
    """Writes the archive and `manifest.json` into `target`."""
    report("packing; about a minute")
    started = time.monotonic()
    name = package_name(parts.versions.kubernetes)
    members = {f"bin/{program}": Member(path, mode=0o755) for program, path in parts.programs.items()}
    members |= {f"cni/{plugin}": Member(path, mode=0o755) for plugin, path in parts.plugins.items()}
    programs = [*parts.programs.values(), *parts.plugins.values()]
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        images = _write_images(Path(scratch), parts)
        members |= {f"images/{path.name}": Member(path) for path in images.values()}
        manifest = PackageManifest(
            name=name,
            architecture=ARCHITECTURE,
            origin=parts.origin,
            versions=parts.versions,
            minimum_glibc=minimum_glibc(programs),
            images=sorted(images),
            files=[_described(path, member) for path, member in sorted(members.items())],
        )
        text = manifest.model_dump_json(indent=1).encode()
        members[MANIFEST] = Member(text)
        (target / MANIFEST).write_bytes(text)
        archive = target / f"{name}.tar.gz"
        write_package_archive(archive, members)
    size = archive.stat().st_size
    report(f"{name}: {size / 1e6:.0f} MB, packed in {time.monotonic() - started:.0f} s")


def _write_images(directory: Path, parts: Components) -> dict[str, Path]:
    """The docker-archives in `directory`, by the complete name of the image in each."""
    written: dict[str, Path] = {}
    for name in image_names(parts.programs["kubeadm"], parts.versions.kubernetes):
        short = name.rpartition("/")[2].partition(":")[0]
        if short in parts.images:
            written[name] = directory / f"{short}.tar"
            parts.images[short](written[name], name)
    missing = set(REQUIRED_IMAGES) - {path.stem for path in written.values()}
    if missing:
        raise PermanentError(
            f"no image for {', '.join(sorted(missing))}: kubeadm names other images than known"
        )
    return written


def _described(path: str, member: Member) -> PackageFile:
    if not isinstance(member.source, Path):
        raise TypeError(f"{path} has no file behind it")
    return PackageFile(path=path, size=member.source.stat().st_size, sha256=sha256_of(member.source))

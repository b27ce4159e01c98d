"""What the machine image consists of, and the digest that names it."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class ImageFile:
    """One regular file that the image gets on top of its packages; `mode` is the permission bits."""

    path: str
    content: str
    mode: int = 0o644


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what an image contains, except the archive's state on the day it is made."""

    codename: str
    packages: tuple[str, ...]
    files: tuple[ImageFile, ...] = ()
    enabled_units: tuple[str, ...] = ()
    masked_units: tuple[str, ...] = ()
    removed: tuple[str, ...] = field(default=())

    def digest(self) -> str:
        """The recipe's name in the cache: 16 hex digits that change with anything in it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def _masks(names: Iterable[str], *suffixes: str) -> tuple[str, ...]:
    return tuple(f"{name}.{suffix}" for name in names for suffix in suffixes)


def machine_recipe() -> Recipe:
    """The recipe of the one image that the local cloud's machines boot from."""
    return Recipe(
        codename="bookworm",
        packages=(
            "bash",
            "ca-certificates",
            "conntrack",
            "curl",
            "dbus",
            "ethtool",
            "iproute2",
            "iptables",
            "kmod",
            "less",
            "mount",
            "openssl",
            "procps",
            "socat",
            "systemd",
            "systemd-sysv",
            "tar",
            "util-linux",
        ),
        files=(
            ImageFile("etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"),
            ImageFile("etc/resolv.conf", "# No name server: machines have no network beyond their VPC.\n"),
            # Empty, not absent: systemd then makes a new id for each machine at its first boot.
            ImageFile("etc/machine-id", ""),
            # The host's kernel log is shared by all machines; copying it into each journal slows every boot.
            ImageFile(
                "etc/systemd/journald.conf.d/machine.conf",
                "[Journal]\nReadKMsg=no\nSystemMaxUse=64M\nRateLimitIntervalSec=0\n",
            ),
            ImageFile("usr/local/sbin/user-data", (_HERE / "user-data.sh").read_text(), 0o755),
            ImageFile("etc/systemd/system/user-data.service", (_HERE / "user-data.service").read_text()),
            ImageFile("usr/local/sbin/writable-cgroups", (_HERE / "writable-cgroups.sh").read_text(), 0o755),
            ImageFile(
                "etc/systemd/system/writable-cgroups.service",
                (_HERE / "writable-cgroups.service").read_text(),
            ),
        ),
        enabled_units=("user-data.service", "writable-cgroups.service"),
        masked_units=(
            # The address is set from outside, before boot.
            *_masks(
                ("systemd-networkd", "systemd-networkd-wait-online", "systemd-network-generator"), "service"
            ),
            "systemd-networkd.socket",
            # Nobody sits at a console; commands come through the cloud's assistant.
            *_masks(("console-getty", "getty@", "container-getty@", "serial-getty@"), "service"),
            "getty.target",
            "systemd-logind.service",
            # Housekeeping of a long-lived server with disks of its own.
            *_masks(
                ("apt-daily", "apt-daily-upgrade", "dpkg-db-backup", "e2scrub_all", "fstrim"),
                "service",
                "timer",
            ),
            "e2scrub_reap.service",
            # The host's kernel, disks and clock are not the machine's.
            *_masks(
                ("systemd-modules-load", "systemd-pstore", "kmod-static-nodes", "systemd-binfmt"), "service"
            ),
            *_masks(
                ("sys-kernel-config", "sys-kernel-debug", "sys-kernel-tracing", "dev-hugepages"), "mount"
            ),
            "proc-sys-fs-binfmt_misc.automount",
            "systemd-remount-fs.service",
            "systemd-sysctl.service",
        ),
        # mmdebstrap copies the host's name into the image.
        removed=("etc/hostname",),
    )

"""The machine image: what an instance's system disk holds at first boot.

A plain Debian with systemd and the usual tools, as a cloud's stock image is: no Kubernetes, no container
runtime. Made once per recipe into a cache (`python -m localcloud.images prepare`), then only read.
"""

from localcloud.images.store import ImageError, default_cache, rootfs

__all__ = ["ImageError", "default_cache", "rootfs"]

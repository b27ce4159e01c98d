"""The layer of the kube-proxy image: the program with the packet filter tools that it calls."""

from pathlib import Path

from wdrip.nodes.package.archive import Member, tree_members

DEBIAN_PACKAGES = (
    "busybox-static",
    "conntrack",
    "ipset",
    "iptables",
    "libc6",
    "libip4tc2",
    "libip6tc2",
    "libipset13",
    "libmnl0",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
    "libnftnl11",
    "libxtables12",
)
"""Debian packages whose files the layer holds: iptables, ipset, conntrack, their libraries, and a shell."""

_LEFT_OUT = ("usr/share/", "usr/lib/x86_64-linux-gnu/gconv/", "etc/", "usr/include/")
"""Documentation, character sets and configuration that none of the tools reads."""

_START = Path(__file__).with_name("kube-proxy.sh")


def proxy_layer(tools: Path, kube_proxy: Path) -> dict[str, Member]:
    """Members of the layer, from the unpacked Debian packages in `tools` and the kube-proxy program."""
    layer = {path: member for path, member in tree_members(tools).items() if not path.startswith(_LEFT_OUT)}
    for applet in ("sh", "grep"):
        layer[f"bin/{applet}"] = Member(link="busybox")
    for backend in ("nft", "legacy"):
        for family in ("iptables", "ip6tables"):
            for tool in ("", "-save", "-restore"):
                path = f"usr/local/lib/iptables/{backend}/{family}{tool}"
                layer[path] = Member(link=f"/usr/sbin/{family}-{backend}{tool}")
    layer["usr/local/lib/kube-proxy"] = Member(kube_proxy, mode=0o755)
    layer["usr/local/bin/kube-proxy"] = Member(_START, mode=0o755)
    # Directories that a runtime mounts over must exist in a layer that brings no base system.
    layer["etc/hosts"] = Member(b"")
    return layer

"""Networks out of network namespaces: a VPC is a router namespace, a vSwitch a bridge in it.

The host's own namespace gets no interface and no route. Names carry the cloud's identity, so that two clouds
on one host never touch each other's.
"""

from __future__ import annotations

import logging
import socket
from contextlib import suppress
from pathlib import Path

from localcloud.network import haproxy, netns
from localcloud.network.fabric import Balancer, Interface

_log = logging.getLogger("localcloud.network")


class NamespaceFabric:
    """The fabric on this host; needs root."""

    def __init__(self, identity: str, state_dir: Path) -> None:
        self._prefix = f"wl-{identity}-"
        sockets = Path("/run") / f"wl-{identity}"
        self._balancers = haproxy.Processes(state_dir / "load-balancers", sockets, self._namespace)

    async def keep_only(self, ids: frozenset[str]) -> None:
        """See Fabric."""
        await self._balancers.keep_only(ids)
        known = netns.NAMESPACES.glob(f"{self._prefix}*") if netns.NAMESPACES.exists() else ()
        for namespace in sorted(each.name for each in known):
            if namespace.removeprefix(self._prefix) not in ids:
                _log.info("removing namespace %s, which nothing knows", namespace)
                await netns.ip("netns", "delete", namespace)

    async def ensure_vpc(self, vpc_id: str) -> None:
        """See Fabric."""
        namespace = self._namespace(vpc_id)
        if netns.exists(namespace):
            return
        await netns.ip("netns", "add", namespace)
        await netns.ip("link", "set", "lo", "up", namespace=namespace)
        await netns.run(("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.ip_forward=1"))

    async def remove_vpc(self, vpc_id: str) -> None:
        """See Fabric."""
        await self._remove_namespace(self._namespace(vpc_id))

    async def ensure_vswitch(self, vpc_id: str, vswitch_id: str, gateway: str, prefix: int) -> None:
        """See Fabric."""
        namespace, bridge = self._namespace(vpc_id), _bridge(vswitch_id)
        if await self._has_link(namespace, bridge):
            return
        await netns.ip_batch(
            namespace,
            (
                f"link add {bridge} type bridge forward_delay 0",
                f"address add {gateway}/{prefix} dev {bridge}",
                f"link set {bridge} up",
            ),
        )

    async def remove_vswitch(self, vpc_id: str, vswitch_id: str) -> None:
        """See Fabric."""
        namespace, bridge = self._namespace(vpc_id), _bridge(vswitch_id)
        if netns.exists(namespace) and await self._has_link(namespace, bridge):
            await netns.ip("link", "delete", bridge, namespace=namespace)

    async def attach(self, interface: Interface) -> None:
        """See Fabric."""
        machine, router = self._namespace(interface.machine_id), self._namespace(interface.vpc_id)
        if netns.exists(machine):
            if await self._has_link(machine, "eth0"):
                return
            await self._remove_namespace(machine)
        cable = _cable(interface.machine_id)
        # The kernel takes an old namespace down later than it is asked to, and the machine's cable with it.
        with suppress(netns.CommandFailedError):
            await netns.ip("link", "delete", cable, namespace=router)
        await netns.ip("netns", "add", machine)
        pair = ("address", interface.mac, "type", "veth", "peer", "name", cable, "netns", router)
        await netns.ip("link", "add", "eth0", "netns", machine, *pair)
        await netns.ip_batch(router, (f"link set {cable} master {_bridge(interface.vswitch_id)} up",))
        await netns.ip_batch(
            machine,
            (
                "link set lo up",
                "link set eth0 up",
                f"address add {interface.address}/{interface.prefix} dev eth0",
                f"route add default via {interface.gateway}",
            ),
        )

    async def detach(self, machine_id: str) -> None:
        """See Fabric."""
        await self._remove_namespace(self._namespace(machine_id))

    async def partition(self, interface: Interface, cut: bool) -> None:
        """See Fabric."""
        state = "down" if cut else "up"
        router = self._namespace(interface.vpc_id)
        await netns.ip("link", "set", _cable(interface.machine_id), state, namespace=router)

    def machine_namespace(self, machine_id: str) -> str:
        """See Fabric."""
        return str(netns.NAMESPACES / self._namespace(machine_id))

    async def ensure_address(self, vpc_id: str, address: str) -> None:
        """See Fabric."""
        await netns.ip("address", "replace", f"{address}/32", "dev", "lo", namespace=self._namespace(vpc_id))

    async def remove_address(self, vpc_id: str, address: str) -> None:
        """See Fabric."""
        namespace = self._namespace(vpc_id)
        if not netns.exists(namespace):
            return
        held = await netns.run(("ip", "-n", namespace, "-o", "address", "show", "dev", "lo"))
        if f" {address}/32 " in held:
            await netns.ip("address", "delete", f"{address}/32", "dev", "lo", namespace=namespace)

    def listen(self, vpc_id: str, address: str, port: int) -> socket.socket:
        """See Fabric."""
        return netns.socket_in(self._namespace(vpc_id), address, port)

    async def ensure_balancer(self, balancer: Balancer) -> None:
        """See Fabric. A backend never reaches the private address of its own balancer, as with a CLB."""
        await self._balancers.ensure(balancer)
        if balancer.vpc_id is not None:
            await self._filter(balancer.vpc_id, haproxy.own_backend_rules(balancer))

    async def remove_balancer(self, balancer_id: str, vpc_id: str | None) -> None:
        """See Fabric."""
        await self._balancers.remove(balancer_id)
        if vpc_id is not None and netns.exists(self._namespace(vpc_id)):
            await self._filter(vpc_id, haproxy.drop_rules(balancer_id))

    async def server_health(self, balancer_id: str) -> dict[str, dict[int, bool]]:
        """See Fabric."""
        return await self._balancers.health(balancer_id)

    def _namespace(self, resource_id: str) -> str:
        return self._prefix + resource_id

    async def _filter(self, vpc_id: str, script: str) -> None:
        await netns.run(("ip", "netns", "exec", self._namespace(vpc_id), "nft", "-f", "-"), script)

    async def _has_link(self, namespace: str, name: str) -> bool:
        links = await netns.run(("ip", "-n", namespace, "-o", "link", "show"))
        return any(line.split(":")[1].strip().split("@")[0] == name for line in links.splitlines())

    async def _remove_namespace(self, namespace: str) -> None:
        if netns.exists(namespace):
            await netns.ip("netns", "delete", namespace)


# Interface names have at most 15 characters: the random end of an id tells them apart inside one namespace.
def _bridge(vswitch_id: str) -> str:
    return "vsw-" + vswitch_id[-10:]


def _cable(machine_id: str) -> str:
    return "ecs-" + machine_id[-10:]

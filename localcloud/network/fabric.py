"""What the network's records are realised with: routers, switches, interfaces, balancers.

`NamespaceFabric` realises them in network namespaces of this host; tests of the API alone use one in memory.
Every method can be repeated: it brings about the described state, whatever is there already.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Interface:
    """The network card of a machine, in its own namespace; `prefix` is the vSwitch's mask length in bits."""

    machine_id: str
    vpc_id: str
    vswitch_id: str
    address: str
    prefix: int
    gateway: str
    mac: str


@dataclass(frozen=True)
class Server:
    """A backend of a load balancer; `weight` 0 to 100, 0 takes no new connections."""

    id: str
    address: str
    weight: int


@dataclass(frozen=True)
class HealthCheck:
    """TCP health check: times in seconds, thresholds in consecutive results."""

    port: int
    interval: int
    timeout: int
    healthy_threshold: int
    unhealthy_threshold: int


@dataclass(frozen=True)
class Listener:
    """A listening port of a load balancer; `check` None means that every backend is taken as healthy."""

    port: int
    backend_port: int
    scheduler: str
    check: HealthCheck | None


@dataclass(frozen=True)
class Balancer:
    """A load balancer as it is to be: `addresses` inside its VPC, `public` ones on the host's loopback."""

    id: str
    vpc_id: str | None
    addresses: tuple[str, ...]
    public: tuple[str, ...]
    listeners: tuple[Listener, ...] = ()
    servers: tuple[Server, ...] = field(default=())


class Fabric(Protocol):
    """Realises networks. Raises OSError or subprocess errors when the host refuses."""

    async def keep_only(self, ids: frozenset[str]) -> None:
        """Remove everything of this cloud but these VPCs, machines and load balancers."""

    async def ensure_vpc(self, vpc_id: str) -> None:
        """A router of its own, isolated from every other VPC and from the host."""

    async def remove_vpc(self, vpc_id: str) -> None:
        """The router and all that hangs on it go."""

    async def ensure_vswitch(self, vpc_id: str, vswitch_id: str, gateway: str, prefix: int) -> None:
        """A switch at the router, which answers at the gateway address."""

    async def remove_vswitch(self, vpc_id: str, vswitch_id: str) -> None:
        """The switch goes."""

    async def attach(self, interface: Interface) -> None:
        """A namespace for the machine, holding its network card, plugged into its vSwitch."""

    async def detach(self, machine_id: str) -> None:
        """The machine's namespace and card go."""

    async def partition(self, interface: Interface, cut: bool) -> None:
        """Pull the machine's cable at the switch, or plug it in again."""

    def machine_namespace(self, machine_id: str) -> str:
        """Path of the namespace that `attach` makes."""

    async def ensure_address(self, vpc_id: str, address: str) -> None:
        """The router answers at this address."""

    async def remove_address(self, vpc_id: str, address: str) -> None:
        """The router no longer answers at this address."""

    def listen(self, vpc_id: str, address: str, port: int) -> socket.socket:
        """A bound TCP socket inside the VPC's namespace."""

    async def ensure_balancer(self, balancer: Balancer) -> None:
        """The balancer serves as described; established connections live on."""

    async def remove_balancer(self, balancer_id: str, vpc_id: str | None) -> None:
        """The balancer goes, and what stood for it in its VPC."""

    async def server_health(self, balancer_id: str) -> dict[str, dict[int, bool]]:
        """Health by server id and listener port."""

"""What haproxy and the packet filter are told, and what haproxy tells."""

from __future__ import annotations

from pathlib import Path

from localcloud.network.fabric import Balancer, HealthCheck, Listener, Server
from localcloud.network.haproxy import configuration, own_backend_rules, parse_health

_BALANCER = Balancer(
    id="lb-1",
    vpc_id="vpc-1",
    addresses=("192.168.0.5",),
    public=("127.47.0.1",),
    listeners=(Listener(6443, 7443, "wrr", HealthCheck(8080, 2, 5, 3, 4)), Listener(22, 22, "wlc", None)),
    servers=(Server("i-1", "192.168.0.6", 100), Server("i-2", "192.168.0.7", 0)),
)


def test_private_addresses_are_bound_in_the_vpc_and_public_ones_on_the_host() -> None:
    lines = [line.strip() for line in configuration(_BALANCER, "ns", Path("/run/x.sock")).splitlines()]
    assert "bind 192.168.0.5:6443 namespace ns" in lines
    assert "bind 127.47.0.1:6443" in lines


def test_every_backend_is_reached_in_the_vpc_with_its_weight_and_check() -> None:
    text = configuration(_BALANCER, "ns", Path("/run/x.sock"))
    check = "check port 8080 inter 2s rise 3 fall 4"
    assert f"server i-1 192.168.0.6:7443 namespace ns weight 100 {check}" in text
    assert f"server i-2 192.168.0.7:7443 namespace ns weight 0 {check}" in text
    assert "server i-1 192.168.0.6:22 namespace ns weight 100\n" in text
    assert "balance leastconn" in text


def test_backends_are_kept_from_their_own_balancer() -> None:
    rules = own_backend_rules(_BALANCER)
    assert "ip saddr { 192.168.0.6, 192.168.0.7 } ip daddr { 192.168.0.5 } drop" in rules


def test_health_is_read_by_server_and_port() -> None:
    text = (
        "# pxname,svname,status\n"
        "port-6443,FRONTEND,OPEN\nport-6443,i-1,UP\nport-6443,i-2,DOWN\nport-6443,BACKEND,UP\n"
        "port-22,i-1,no check\n"
    )
    assert parse_health(text) == {"i-1": {6443: True, 22: True}, "i-2": {6443: False}}

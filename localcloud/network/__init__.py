"""Networks: VPCs that are network namespaces, elastic addresses on loopback, load balancers by haproxy."""

#!/bin/bash
# etcd as a cluster of one. Data that is there already is kept: etcd then ignores the initial cluster.
start_etcd new "$WDRIP_MEMBER_NAME=https://$WDRIP_IP:2380"
wait_until 90 "etcd to be healthy" etcd_at "https://$WDRIP_IP:2379" endpoint health ||
    give_up_on_etcd "the first member did not become healthy"
etcd_at "https://$WDRIP_IP:2379" member list

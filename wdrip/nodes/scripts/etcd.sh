#!/bin/bash
# What starting, joining and changing members have in common.

# Every member listens here as well: what a machine asks, it asks itself.
LOCAL_ETCD=https://127.0.0.1:2379

# etcdctl against the given client URLs (comma separated), with this machine's certificate.
etcd_at() {
    local endpoints=$1
    shift
    ETCDCTL_API=3 etcdctl --endpoints "$endpoints" --cacert /etc/etcd/pki/ca.crt --cert /etc/etcd/pki/server.crt \
        --key /etc/etcd/pki/server.key --dial-timeout=3s --command-timeout=5s "$@"
}

# write_etcd_environment STATE INITIAL_CLUSTER: etcd reads its settings from there; prints "changed" if they do.
write_etcd_environment() {
    write_file /etc/etcd/etcd.env 600 <<ENV
ETCD_NAME=$WDRIP_MEMBER_NAME
ETCD_DATA_DIR=/var/lib/etcd/member-data
ETCD_INITIAL_CLUSTER_STATE=$1
ETCD_INITIAL_CLUSTER=$2
ETCD_INITIAL_CLUSTER_TOKEN=$WDRIP_CLUSTER_TOKEN
ETCD_LISTEN_CLIENT_URLS=https://$WDRIP_IP:2379,$LOCAL_ETCD
ETCD_ADVERTISE_CLIENT_URLS=https://$WDRIP_IP:2379
ETCD_LISTEN_PEER_URLS=https://$WDRIP_IP:2380
ETCD_INITIAL_ADVERTISE_PEER_URLS=https://$WDRIP_IP:2380
ETCD_LISTEN_METRICS_URLS=http://127.0.0.1:2381
ETCD_CLIENT_CERT_AUTH=true
ETCD_TRUSTED_CA_FILE=/etc/etcd/pki/ca.crt
ETCD_CERT_FILE=/etc/etcd/pki/server.crt
ETCD_KEY_FILE=/etc/etcd/pki/server.key
ETCD_PEER_CLIENT_CERT_AUTH=true
ETCD_PEER_TRUSTED_CA_FILE=/etc/etcd/pki/ca.crt
ETCD_PEER_CERT_FILE=/etc/etcd/pki/peer.crt
ETCD_PEER_KEY_FILE=/etc/etcd/pki/peer.key
ETCD_QUOTA_BACKEND_BYTES=8589934592
ENV
}

# start_etcd STATE INITIAL_CLUSTER
start_etcd() {
    local changed
    mkdir -p /var/lib/etcd
    chmod 700 /var/lib/etcd
    changed=$(write_etcd_environment "$1" "$2")
    systemctl daemon-reload
    systemctl enable --quiet etcd
    [[ -z $changed ]] || systemctl stop etcd
    say "starting etcd member $WDRIP_MEMBER_NAME"
    systemctl start --no-block etcd
}

# give_up_on_etcd WHAT
give_up_on_etcd() {
    tail_unit etcd 60
    fail "$NOT_IN_TIME" "etcd: $1"
}

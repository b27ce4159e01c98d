#!/bin/bash
# The mildest remedy for a node that is not Ready. Containers live on.
say "restarting containerd and kubelet"
systemctl reset-failed containerd kubelet 2>/dev/null || true
systemctl enable --quiet containerd kubelet
systemctl stop kubelet
systemctl restart --no-block containerd
wait_until 60 "containerd" ctr version || {
    tail_unit containerd 40
    fail "$NOT_IN_TIME" "containerd does not answer"
}
systemctl start kubelet
# Its pods' network hangs on it.
if [[ -e /etc/systemd/system/wdrip-pod-network.service ]]; then
    systemctl restart wdrip-pod-network
fi
# A master's member too: etcd that runs is left alone.
if [[ -e /etc/etcd/etcd.env ]]; then
    systemctl start --no-block etcd
fi
say "restarted; kubelet: $(systemctl is-active kubelet)"

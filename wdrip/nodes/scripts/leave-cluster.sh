#!/bin/bash
# This machine takes no more part in the cluster, whatever restarts it: before the instance is deleted, which
# may take a while or fail.
say "stopping kubelet, etcd and every container"
systemctl disable --quiet --now kubelet etcd wdrip-pod-network 2>/dev/null || true
# Nothing here can prove to anybody any more that it belongs to the cluster.
rm -rf /etc/kubernetes /etc/etcd /etc/wdrip/bootstrap-token /etc/wdrip/bootstrap.crt /etc/wdrip/bootstrap.key \
    /etc/wdrip/backup.key /var/lib/kubelet/pki
end_containers
say "left"

#!/bin/bash
# Back to a machine with the software installed and nothing of a cluster on it.
say "stopping kubelet, etcd and every container"
systemctl stop kubelet wdrip-pod-network 2>/dev/null || true
systemctl stop etcd 2>/dev/null || true
end_containers
# Its view of the pods goes with it.
systemctl restart containerd
awk '$2 ~ "^/var/lib/kubelet/" { print $2 }' /proc/mounts | sort -r | while IFS= read -r point; do
    umount "$point" || umount --lazy "$point"
done
say "removing the cluster's files"
rm -rf /etc/kubernetes /etc/etcd /etc/wdrip/bootstrap-token /etc/wdrip/bootstrap.crt /etc/wdrip/bootstrap.key \
    /etc/wdrip/backup.key /etc/cni/net.d/10-wdrip.conflist /var/lib/cni /etc/systemd/system/wdrip-pod-network.service \
    /var/lib/wdrip/pod-network.nodes
find /var/lib/kubelet /var/lib/etcd -mindepth 1 -delete 2>/dev/null || true
ip link delete cni0 2>/dev/null || true
ip link delete wdrip0 2>/dev/null || true
for table in nat filter mangle; do
    iptables-save -t "$table" 2>/dev/null | grep -v -e KUBE- -e CNI- -e wdrip-pod-network | iptables-restore 2>/dev/null || true
done
systemctl daemon-reload
# Their successes hold no longer.
for operation in /var/lib/wdrip/operations/*/; do
    case $(basename "$operation") in
        prepare-identity | install-package | wipe-machine) ;;
        *) rm -rf "$operation" ;;
    esac
done
say "wiped"

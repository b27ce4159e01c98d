#!/bin/bash
# Back to a machine with the software installed and nothing of a cluster on it.
say "stopping kubelet, etcd and every container"
systemctl stop kubelet wdrip-pod-network 2>/dev/null || true
systemctl stop etcd 2>/dev/null || true
if ctr version >/dev/null 2>&1; then
    ctr --namespace k8s.io tasks list --quiet | while IFS= read -r task; do
        ctr --namespace k8s.io tasks kill --signal SIGKILL --all "$task" 2>/dev/null || true
        ctr --namespace k8s.io tasks delete --force "$task" >/dev/null 2>&1 || true
    done
    ctr --namespace k8s.io containers list --quiet | while IFS= read -r container; do
        ctr --namespace k8s.io containers delete "$container" 2>/dev/null || true
    done
    # Its view of the pods goes with it.
    systemctl restart containerd
fi
awk '$2 ~ "^/var/lib/kubelet/" { print $2 }' /proc/mounts | sort -r | while IFS= read -r point; do
    umount "$point" || umount --lazy "$point"
done
say "removing the cluster's files"
rm -rf /etc/kubernetes /etc/etcd /etc/wdrip/bootstrap-token /etc/cni/net.d/10-wdrip.conflist /var/lib/cni \
    /etc/systemd/system/wdrip-pod-network.service
find /var/lib/kubelet /var/lib/etcd -mindepth 1 -delete 2>/dev/null || true
ip link delete cni0 2>/dev/null || true
for table in nat filter mangle; do
    iptables-save -t "$table" 2>/dev/null | grep -v -e KUBE- -e CNI- -e MASQUERADE | iptables-restore 2>/dev/null || true
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

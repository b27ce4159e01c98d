#!/bin/bash
# Installs what keeps this node's pod network true (pod-network.sh) and, given WDRIP_SECONDS, waits so long for its
# first success. Before and while a machine joins it is not waited for: then the network is there as soon as the
# Node has its range.
admin=/etc/kubernetes/admin.conf
network=/etc/cni/net.d/10-wdrip.conflist
known=/var/lib/wdrip/pod-network.nodes

node() {
    local kubeconfig=$admin
    [[ -e $kubeconfig ]] || kubeconfig=/etc/kubernetes/kubelet.conf
    kubectl --kubeconfig "$kubeconfig" get node "$WDRIP_NODE_NAME" --output "jsonpath=$1"
}

has_network() {
    local range
    range=$(node '{.spec.podCIDR}') && [[ -n $range ]] && grep -q "\"$range\"" "$network"
}

start_service() {
    systemctl enable --quiet wdrip-pod-network
    systemctl start wdrip-pod-network
}

# The only node of a new cluster may take the first range itself, as the controller manager would some seconds
# later; that one keeps a range that a node has. With the network there first, the kubelet sees the range
# and is Ready at once.
take_first_range() {
    [[ -n $WDRIP_FIRST_RANGE && ! -e $known && -z $(node '{.spec.podCIDR}') ]] || return 0
    [[ $(kubectl --kubeconfig "$admin" get nodes --output name) == "node/$WDRIP_NODE_NAME" ]] || return 0
    echo "$WDRIP_NODE_NAME $(node '{.status.addresses[?(@.type=="InternalIP")].address}') $WDRIP_FIRST_RANGE" >"$known"
    start_service
    wait_until 20 "the network to be written" test -e "$network" || return 0
    kubectl --kubeconfig "$admin" patch node "$WDRIP_NODE_NAME" --type merge \
        --patch "{\"spec\": {\"podCIDR\": \"$WDRIP_FIRST_RANGE\", \"podCIDRs\": [\"$WDRIP_FIRST_RANGE\"]}}" ||
        say "the controller manager was faster"
}

# Nodes may read each other by this, whatever their authorizer lets a kubelet see in a later version.
allow_nodes_to_see_nodes() {
    kubectl --kubeconfig "$admin" apply --filename - <<'YAML'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: wdrip-pod-network
rules:
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: wdrip-pod-network
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: wdrip-pod-network
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: Group
  name: system:nodes
YAML
}

[[ -z $WDRIP_FIRST_RANGE ]] || allow_nodes_to_see_nodes &
changed=$(write_file /usr/local/lib/wdrip/pod-network 755 <<<"$WDRIP_PROGRAM"
    write_file /etc/systemd/system/wdrip-pod-network.service 644 <<<"$WDRIP_UNIT"
    printf 'WDRIP_NODE_NAME=%s\nWDRIP_POD_CIDR=%s\n' "$WDRIP_NODE_NAME" "$WDRIP_POD_CIDR" |
        write_file /etc/wdrip/pod-network.env 644)
systemctl daemon-reload
[[ -z $changed ]] || systemctl stop wdrip-pod-network
take_first_range
start_service
if ((WDRIP_SECONDS == 0)); then
    wait
    exit 0
fi
wait_until "$WDRIP_SECONDS" "the node to have its pod range, and the network to be written" has_network || {
    tail_unit wdrip-pod-network 20
    fail "$NOT_IN_TIME" "the node $WDRIP_NODE_NAME has no podCIDR; is the controller manager running?"
}
wait
say "pods of $WDRIP_NODE_NAME get addresses from $(node '{.spec.podCIDR}')"

#!/bin/bash
# Pods of this node hang on a bridge with addresses from the Node's own podCIDR.
kubeconfig=/etc/kubernetes/admin.conf
[[ -e $kubeconfig ]] || kubeconfig=/etc/kubernetes/kubelet.conf

node_range() {
    kubectl --kubeconfig "$kubeconfig" get node "$WDRIP_NODE_NAME" --output 'jsonpath={.spec.podCIDR}'
}
has_range() {
    [[ -n $(node_range) ]]
}

# write_network RANGE
write_network() {
    write_file /etc/cni/net.d/10-wdrip.conflist 644 >/dev/null <<JSON
{
  "cniVersion": "0.3.1",
  "name": "wdrip",
  "plugins": [
    {
      "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
      "ipam": {"type": "host-local", "ranges": [[{"subnet": "$1"}]], "routes": [{"dst": "0.0.0.0/0"}]}
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
JSON
}

# The only node of a new cluster may take the first range itself, as the controller manager would some seconds
# later; that one keeps a range that a node has. With the network there first, the kubelet sees the range
# and is Ready at once.
take_first_range() {
    [[ -n $WDRIP_FIRST_RANGE && -z $(node_range) ]] || return 0
    [[ $(kubectl --kubeconfig "$kubeconfig" get nodes --output name) == "node/$WDRIP_NODE_NAME" ]] || return 0
    write_network "$WDRIP_FIRST_RANGE"
    kubectl --kubeconfig "$kubeconfig" patch node "$WDRIP_NODE_NAME" --type merge \
        --patch "{\"spec\": {\"podCIDR\": \"$WDRIP_FIRST_RANGE\", \"podCIDRs\": [\"$WDRIP_FIRST_RANGE\"]}}" ||
        say "the controller manager was faster"
}

take_first_range
wait_until 120 "the node to have its pod range" has_range ||
    fail "$NOT_IN_TIME" "the node $WDRIP_NODE_NAME has no podCIDR; is the controller manager running?"
range=$(node_range)
write_network "$range"
# Pods leave the cluster under their node's address, and reach each other under their own.
write_file /etc/systemd/system/wdrip-pod-network.service 644 >/dev/null <<UNIT
[Unit]
Description=Pods leave the cluster under this node's address
After=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'iptables -w -t nat -C POSTROUTING -s $range ! -d $WDRIP_POD_CIDR -j MASQUERADE 2>/dev/null || iptables -w -t nat -A POSTROUTING -s $range ! -d $WDRIP_POD_CIDR -j MASQUERADE'

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet wdrip-pod-network
systemctl restart wdrip-pod-network
say "pods of $WDRIP_NODE_NAME get addresses from $range"

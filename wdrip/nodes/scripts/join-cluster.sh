#!/bin/bash
# One more node: a worker, or a control plane node when WDRIP_IP says under which address it serves the API.
# What the machine shows the API server is a certificate of its own that came with its secrets and is good for
# asking for the kubelet's; the other half of trust is the authority's certificate, from there as well.
authority=/etc/kubernetes/pki/ca.crt
certificate=/etc/wdrip/bootstrap.crt
key=/etc/wdrip/bootstrap.key
skipped=()

write_discovery() {
    [[ -s $authority && -s $certificate && -s $key ]] ||
        fail 1 "no bootstrap certificate on this machine; receive-secrets comes first"
    write_file "$WDRIP_DISCOVERY_FILE" 600 >/dev/null <<CONF
apiVersion: v1
kind: Config
clusters:
- name: cluster
  cluster:
    server: https://$WDRIP_ENDPOINT_NAME:6443
    certificate-authority-data: $(base64 --wrap=0 "$authority")
users:
- name: machine
  user:
    client-certificate-data: $(base64 --wrap=0 "$certificate")
    client-key-data: $(base64 --wrap=0 "$key")
contexts:
- name: join
  context: {cluster: cluster, user: machine}
current-context: join
CONF
}

is_node() {
    kubectl --kubeconfig /etc/kubernetes/kubelet.conf --request-timeout=5s get node "$WDRIP_NODE_NAME"
}

own_api_server_is_ready() {
    kubectl --kubeconfig /etc/kubernetes/admin.conf --server "https://$WDRIP_IP:6443" get --raw /readyz
}

# A run that was cut off may have made this machine a node. kubeadm would refuse to register it again; what comes
# after that is done again by a control plane node.
resume() {
    [[ -e /etc/kubernetes/kubelet.conf ]] || return 0
    systemctl start kubelet
    if wait_until 40 "the node that this machine was before" is_node; then
        skipped+=(kubelet-start)
    else
        say "joining from the beginning"
        systemctl stop kubelet
        rm -f /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf
        rm -rf /var/lib/kubelet/pki
    fi
}

# Until it serves the API itself, a master is a client like any other.
resolve_endpoint "$WDRIP_ENDPOINT_NAME" "$WDRIP_ENDPOINT_ADDRESS"
write_discovery
cat >"$KUBEADM_CONFIG" <<<"$WDRIP_KUBEADM_YAML"
resume
command -v crictl >/dev/null || {
    skipped+=(preflight)
    say "note: no crictl on this machine; kubeadm's preflight checks are left out"
}
if [[ -z $WDRIP_IP && " ${skipped[*]} " == *" kubelet-start "* ]]; then
    say "this machine is the node $WDRIP_NODE_NAME already"
else
    say "joining the cluster with kubeadm"
    kubeadm join --config "$KUBEADM_CONFIG" --ignore-preflight-errors "$(tolerated)" \
        --skip-phases "$(joined "${skipped[@]}")" 2>&1 | for_the_log || {
        tail_unit kubelet 40
        fail 1 "kubeadm join failed; the reason stands above"
    }
fi
if [[ -n $WDRIP_IP ]]; then
    wait_until 120 "this machine's API server to be ready" own_api_server_is_ready ||
        fail "$NOT_IN_TIME" "the API server of this machine is not ready"
    resolve_endpoint "$WDRIP_ENDPOINT_NAME" "$WDRIP_IP"
fi
# It has done its part.
rm -f "$certificate" "$key" "$WDRIP_DISCOVERY_FILE"

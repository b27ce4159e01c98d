#!/bin/bash
# One more node, as control plane or as worker, by what the configuration says.
if [[ -e /etc/kubernetes/kubelet.conf ]] &&
    kubectl --kubeconfig /etc/kubernetes/kubelet.conf get node "$WDRIP_NODE_NAME" >/dev/null 2>&1; then
    say "this machine is the node $WDRIP_NODE_NAME already; joining again renews its static pods"
fi
require_token
(umask 077 && with_token '  bootstrapToken:' '    token: %' <<<"$WDRIP_KUBEADM_YAML" >"$KUBEADM_CONFIG")
skip_phases=
command -v crictl >/dev/null || {
    skip_phases=preflight
    say "note: no crictl on this machine; kubeadm's preflight checks are left out"
}
say "joining the cluster with kubeadm"
kubeadm join --config "$KUBEADM_CONFIG" --ignore-preflight-errors "$(tolerated)" --skip-phases "$skip_phases" 2>&1 | for_the_log || {
    tail_unit kubelet 40
    fail 1 "kubeadm join failed; the reason stands above"
}
rm -f "$KUBEADM_CONFIG"

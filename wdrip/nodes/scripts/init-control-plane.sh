#!/bin/bash
# The first control plane node.

has_image() {
    ctr --namespace k8s.io images list --quiet | grep -q "/$1:"
}

# Whether kube-proxy may set the size of the connection table; in a network namespace of its own it may not.
may_set_conntrack() {
    local file=/proc/sys/net/netfilter/nf_conntrack_max
    [[ -e $file ]] && (value=$(<"$file") && echo "$value" >"$file") 2>/dev/null
}

for_this_machine() {
    if may_set_conntrack; then cat; else sed 's/^  maxPerCore: .*/  maxPerCore: 0/; s/^  min: .*/  min: 0/'; fi
}

require_token
(umask 077 && with_token 'kind: InitConfiguration' $'bootstrapTokens:\n- token: %' <<<"$WDRIP_KUBEADM_YAML" |
    for_this_machine >"$KUBEADM_CONFIG")
may_set_conntrack || say "note: the connection table's size cannot be set here; kube-proxy leaves it as it is"

skipped=()
has_image coredns || {
    skipped+=(addon/coredns)
    say "note: the package has no CoreDNS image; cluster DNS is left out"
}
command -v crictl >/dev/null || {
    # The preflight phase pulls images with crictl and cannot do without; here they are imported.
    skipped+=(preflight)
    say "note: no crictl on this machine; kubeadm's preflight checks are left out"
}

say "initialising the control plane with kubeadm"
kubeadm init --config "$KUBEADM_CONFIG" --ignore-preflight-errors "$(tolerated)" --skip-phases "$(joined "${skipped[@]}")" 2>&1 | for_the_log || {
    tail_unit kubelet 40
    fail 1 "kubeadm init failed; the reason stands above"
}
rm -f "$KUBEADM_CONFIG"
wait_until 60 "the API server to be ready" kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw /readyz ||
    fail "$NOT_IN_TIME" "the API server is not ready"

asked=$(sed -n 's/^mode: //p' <<<"$WDRIP_KUBEADM_YAML")
if [[ $asked == ipvs && ! -e /proc/net/ip_vs ]]; then
    say "kube-proxy: asked ipvs, actual iptables (this kernel has no IP_VS)"
else
    say "kube-proxy: asked $asked, actual $asked"
fi

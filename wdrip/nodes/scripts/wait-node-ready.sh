#!/bin/bash
# Waits for the Node, and tells what kube-proxy really does.
kubeconfig=/etc/kubernetes/admin.conf
[[ -e $kubeconfig ]] || kubeconfig=/etc/kubernetes/kubelet.conf

is_ready() {
    [[ $(kubectl --kubeconfig "$kubeconfig" get node "$WDRIP_NODE_NAME" \
        --output 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}

wait_until "$WDRIP_DEADLINE" "node $WDRIP_NODE_NAME to be Ready" is_ready || {
    kubectl --kubeconfig "$kubeconfig" get node "$WDRIP_NODE_NAME" --output \
        'jsonpath={range .status.conditions[*]}{.type}={.status}: {.message}{"\n"}{end}' || true
    tail_unit kubelet 30
    fail "$NOT_IN_TIME" "node $WDRIP_NODE_NAME is not Ready after ${WDRIP_DEADLINE}s"
}
kubectl --kubeconfig "$kubeconfig" get node "$WDRIP_NODE_NAME" --no-headers
# kube-proxy's metrics port answers on the node itself, once its pod runs.
if mode=$(curl --silent --fail --max-time 2 http://127.0.0.1:10249/proxyMode); then
    say "kube-proxy: running in mode $mode"
fi

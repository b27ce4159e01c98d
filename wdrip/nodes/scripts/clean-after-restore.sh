#!/bin/bash
# What a restored cluster still believes of machines that are gone.
endpoint=https://$WDRIP_IP:2379
kubectl() { command kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=30s "$@"; }

# delete KIND NAME [NAMESPACE]
delete() {
    kubectl delete "$1" "$2" ${3:+--namespace "$3"} --ignore-not-found --wait=false
}

wait_until 120 "the API server to be ready" kubectl get --raw /readyz ||
    fail "$NOT_IN_TIME" "the API server of the restored cluster is not ready"

# An API server's entry makes the `kubernetes` Service lead to it.
etcd_at "$endpoint" get /registry/masterleases/ --prefix --keys-only | while IFS= read -r key; do
    [[ -z $key || $key == "/registry/masterleases/$WDRIP_IP" ]] && continue
    say "forgetting the API server at ${key##*/}"
    etcd_at "$endpoint" del "$key" >/dev/null
done

nodes=$WDRIP_NODES
if [[ $WDRIP_ALL_OTHERS == yes ]]; then
    nodes=$(kubectl get nodes --output=name | sed 's,^node/,,' | grep --fixed-strings --line-regexp --invert-match "$WDRIP_NODE_NAME" || true)
fi
kubectl get volumeattachments --output=jsonpath='{range .items[*]}{.spec.nodeName} {.metadata.name}{"\n"}{end}' \
    >"$PRIVATE/attachments"
for node in $nodes; do
    delete node "$node"
    delete lease "$node" kube-node-lease
    awk -v node="$node" '$1 == node { print $2 }' "$PRIVATE/attachments" | while IFS= read -r attachment; do
        delete volumeattachment "$attachment"
    done
done

# A token that was revoked after the backup would be valid again.
own=$(cut -d. -f1 /etc/wdrip/bootstrap-token)
kubectl get secrets --namespace kube-system --field-selector type=bootstrap.kubernetes.io/token \
    --output=jsonpath='{range .items[*]}{.metadata.name}{"\n"}{end}' | while IFS= read -r secret; do
    [[ -z $secret || $secret == "bootstrap-token-$own" ]] || delete secret "$secret" kube-system
done
say "clean"

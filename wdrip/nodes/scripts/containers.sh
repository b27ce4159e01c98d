#!/bin/bash
# Ending what runs for the cluster on this machine.

# Static pods run on without their kubelet.
end_containers() {
    ctr version >/dev/null 2>&1 || return 0
    ctr --namespace k8s.io tasks list --quiet | while IFS= read -r task; do
        ctr --namespace k8s.io tasks kill --signal SIGKILL --all "$task" 2>/dev/null || true
        ctr --namespace k8s.io tasks delete --force "$task" >/dev/null 2>&1 || true
    done
    ctr --namespace k8s.io containers list --quiet | while IFS= read -r container; do
        ctr --namespace k8s.io containers delete "$container" 2>/dev/null || true
    done
}

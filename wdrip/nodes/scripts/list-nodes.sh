#!/bin/bash
# The names of all Nodes, by this master's own API server.
kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=30s get nodes --output=name | sed 's,^node/,wdrip-node ,'

#!/usr/bin/env bash
# The mission guide's own road on this machine: local stack, package, create, watch, get, kubectl (`make demo`).
# Leaves everything running; `make down` removes it. Run again, it goes on where it stands.
set -euo pipefail
cd "$(dirname "$0")/.."

hack/prepare-machines.sh

PATH="$PWD/.venv/bin:$PATH"
state=${HOME}/.wdrip/local
demo=$state/demo

step() {
  printf '\n\033[1m$ %s\033[0m\n' "$*"
  "$@"
}

step wdrip up
# A person's own configuration may have another current context and another Temporal server.
export WDRIP_CONTEXT=local
TEMPORAL_ADDRESS=127.0.0.1:$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["temporal"])' "$state/ports.json")
web=http://127.0.0.1:$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["webUi"])' "$state/ports.json")
export TEMPORAL_ADDRESS

export CLUSTER_NAME=kubernetes-id-001 \
  REGION=cn-hangzhou ZONE_ID=cn-hangzhou-k \
  IMAGE_ID=centos_7_9_x64_20G_alibase_20210623.vhd \
  DISK_TYPE=cloud_essd \
  INSTANCE_TYPE=ecs.c6.xlarge
TOKEN=$(wdrip token new)
export TOKEN
mkdir -p "$demo"
(
  umask 077
  cat >"$demo/config.yaml" <<GUIDE
clusterid: "${CLUSTER_NAME}"
iaas:
  workerCount: 1
  image: "${IMAGE_ID}"
  disk:
    size: 40G
    type: "${DISK_TYPE}"
  region: "${REGION}"
  zoneid: ${ZONE_ID}
  instance: "${INSTANCE_TYPE}"
registry: registry-vpc.${REGION}.aliyuncs.com
namespace: default
cloudType: public
kubernetes:
  name: kubernetes
  version: 1.20.4-aliyun.1
  kubeadmToken: ${TOKEN}
etcd:
  name: etcd
  version: v3.4.3
runtime:
  name: docker
  version: 19.03.5
sans:
  - 192.168.0.1
network:
  mode: ipvs
  podcidr: 172.16.0.1/16
  svccidr: 172.19.0.1/20
  domain: cluster.domain
  netMask: 25
GUIDE
)

step wdrip build --upload
mkdir -p "$demo/bin"
wdrip build --extract kubectl "$demo/bin/kubectl" >/dev/null
if wdrip get --name "$CLUSTER_NAME" >/dev/null 2>&1; then
  echo "cluster $CLUSTER_NAME exists already"
else
  step wdrip create --config "$demo/config.yaml"
fi
step wdrip watch --name "$CLUSTER_NAME"
step wdrip get
step wdrip get -r kubeconfig -n "$CLUSTER_NAME" -w "$demo/kubeconfig"
step "$demo/bin/kubectl" --kubeconfig "$demo/kubeconfig" get nodes

cat <<NEXT

The cluster runs on this machine. Look around:
  Temporal Web UI   $web/namespaces/default/workflows/$CLUSTER_NAME
                    (tab User Metadata: where the cluster stands, in words)
  in your shell     export WDRIP_CONTEXT=local TEMPORAL_ADDRESS=$TEMPORAL_ADDRESS KUBECONFIG=$demo/kubeconfig
                    export PATH=$PWD/.venv/bin:$demo/bin:\$PATH
  then try          wdrip get -n $CLUSTER_NAME -o yaml
                    kubectl get masterset,nodepool
                    kubectl get pods --all-namespaces
                    wdrip delete -n $CLUSTER_NAME
  the end           make down
NEXT

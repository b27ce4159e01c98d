#!/bin/bash
# Run inside the machine with its address: from an unpacked /package to a Ready control plane node.
set -Eeuo pipefail
address=$1
name=bare
repository=wdrip.local
pki=/etc/kubernetes/pki
mkdir -p /opt/cni/bin /etc/cni/net.d /etc/containerd "$pki/etcd"
cp --link /package/bin/* /usr/local/bin/
cp --link /package/cni/* /opt/cni/bin/
[[ ! -d /package/sbin ]] || cp --link /package/sbin/* /usr/local/sbin/
echo 1 >/proc/sys/net/ipv4/ip_forward
echo "$address apiserver" >>/etc/hosts

pause=$(tar --extract --to-stdout --file "$(echo /package/images/pause*.tar)" manifest.json | grep -o "$repository/pause:[^\"]*")
# Without CAP_SYS_RESOURCE a sandbox with a lowered OOM score would not start.
restrict=true
((((16#$(awk '/^CapEff:/ { print $2 }' /proc/self/status)) >> 24) & 1)) && restrict=false
cat >/etc/containerd/config.toml <<TOML
version = 2
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "$pause"
restrict_oom_score_adj = $restrict
TOML
systemd-run --quiet --unit=containerd --property=Delegate=yes --property=KillMode=process containerd

# A certificate authority for etcd and one certificate for all who talk to it.
openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=etcd-ca -keyout "$pki/etcd/ca.key" -out "$pki/etcd/ca.crt" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=etcd -keyout "$pki/etcd/node.key" 2>/dev/null |
    openssl x509 -req -CA "$pki/etcd/ca.crt" -CAkey "$pki/etcd/ca.key" -CAcreateserial -days 365 -out "$pki/etcd/node.crt" \
        -extfile <(echo "subjectAltName=IP:$address") 2>/dev/null
[[ ! -e /snapshot.db ]] || ETCDCTL_API=3 etcdctl snapshot restore /snapshot.db --name "$name" --data-dir /var/lib/etcd/data \
    --initial-cluster "$name=https://$address:2380" --initial-advertise-peer-urls "https://$address:2380" >/dev/null 2>&1
systemd-run --quiet --unit=etcd --property=Type=notify --property=StateDirectory=etcd etcd --name "$name" \
    --data-dir /var/lib/etcd/data --listen-client-urls "https://$address:2379" --advertise-client-urls "https://$address:2379" \
    --listen-peer-urls "https://$address:2380" --initial-advertise-peer-urls "https://$address:2380" \
    --initial-cluster "$name=https://$address:2380" \
    --client-cert-auth --trusted-ca-file "$pki/etcd/ca.crt" --cert-file "$pki/etcd/node.crt" --key-file "$pki/etcd/node.key" \
    --peer-client-cert-auth --peer-trusted-ca-file "$pki/etcd/ca.crt" --peer-cert-file "$pki/etcd/node.crt" \
    --peer-key-file "$pki/etcd/node.key"

until ctr version >/dev/null 2>&1; do sleep 0.1; done
printf '%s\n' /package/images/*.tar | xargs --max-procs=2 --max-args=1 ctr --namespace k8s.io images import >/dev/null

cat >/etc/systemd/system/kubelet.service <<'UNIT'
[Service]
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml --cgroup-driver=cgroupfs --cgroups-per-qos=false --enforce-node-allocatable= --fail-swap-on=false $KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=2
KillMode=process
UNIT
systemctl daemon-reload
cat >/kubeadm.yaml <<YAML
apiVersion: kubeadm.k8s.io/v1beta2
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: $address}
nodeRegistration: {name: $name, criSocket: /run/containerd/containerd.sock, kubeletExtraArgs: {node-ip: $address}}
---
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterConfiguration
kubernetesVersion: $(kubeadm version --output short)
imageRepository: $repository
controlPlaneEndpoint: apiserver:6443
networking: {podSubnet: 172.16.0.0/16, serviceSubnet: 172.19.0.0/20}
etcd:
  external: {endpoints: ["https://$address:2379"], caFile: $pki/etcd/ca.crt, certFile: $pki/etcd/node.crt, keyFile: $pki/etcd/node.key}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
conntrack: {maxPerCore: 0, min: 0}
YAML
kubeadm init --config /kubeadm.yaml --skip-phases preflight,addon/coredns >/kubeadm.log 2>&1 || { cat /kubeadm.log; exit 1; }

export KUBECONFIG=/etc/kubernetes/admin.conf
until range=$(kubectl get node "$name" --output 'jsonpath={.spec.podCIDR}') && [[ -n $range ]]; do sleep 0.3; done
cat >/etc/cni/net.d/10-bridge.conflist <<JSON
{"cniVersion": "0.3.1", "name": "pods", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "$range"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON
kubectl wait --for=condition=Ready "node/$name" --timeout=120s >/dev/null
kubectl get nodes
kubectl --namespace kube-system get pods

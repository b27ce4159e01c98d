"""The guide's own texts: cluster configuration and node pool."""

from wdrip.models.cluster_config import ClusterConfig

CONFIG = """
clusterid: "{name}"
iaas:
  workerCount: 1
  image: "centos_7_9_x64_20G_alibase_20210623.vhd"
  disk:
    size: 40G
    type: "cloud_essd"
  region: "{region}"
  zoneid: {region}-k
  instance: "ecs.c6.xlarge"
registry: registry-vpc.cn-hangzhou.aliyuncs.com
namespace: default
cloudType: public
kubernetes:
  name: kubernetes
  version: 1.20.4-aliyun.1
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
"""

NODE_POOL = """
apiVersion: alibabacloud.com/v1
kind: NodePool
metadata:
  name: nodepool-01
  namespace: kube-system
spec:
  id: "very-long-id-xxxxx"
  infra:
    desiredCapacity: 1
    cpu: 4
    memory: 8
    imageId: centos_7_9_x64_20G_alibase_20210623.vhd
"""


def guide_yaml(name: str, token: str) -> str:
    """The guide's config.yaml with this name and kubeadm token."""
    version = "  version: 1.20.4-aliyun.1\n"
    return CONFIG.format(name=name, region="cn-hangzhou").replace(
        version, f"{version}  kubeadmToken: {token}\n"
    )


def guide_config(name: str, region: str = "cn-hangzhou") -> ClusterConfig:
    """The guide's configuration for a cluster of this name, as a starter gives it on: without the token."""
    return ClusterConfig.from_yaml(CONFIG.format(name=name, region=region))

"""The guide's cluster configuration, as a starter gives it to the workflow: without the token."""

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


def guide_config(name: str, region: str = "cn-hangzhou") -> ClusterConfig:
    """The guide's configuration for a cluster of this name."""
    return ClusterConfig.from_yaml(CONFIG.format(name=name, region=region))

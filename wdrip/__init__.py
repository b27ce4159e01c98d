"""wdrip: the life of self-managed Kubernetes clusters on Alibaba Cloud."""

__version__ = "0.2.0"

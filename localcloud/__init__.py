"""An Alibaba-compatible cloud on this machine: ECS, ROS and OSS on loopback, with real machines behind."""

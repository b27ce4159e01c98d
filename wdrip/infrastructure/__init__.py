"""The ROS template that owns everything that is not a machine."""

"""The resource types, one module each: what a template may say of it, and what ROS does for it."""

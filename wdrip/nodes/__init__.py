"""What runs on a machine: scripts, unit files, the software package."""

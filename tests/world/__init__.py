"""A simulated world: a cloud, a bucket and a cluster in memory, behind the activity interface."""

"""Resource Orchestration Service: templates, stacks, and the resources that they make elsewhere."""

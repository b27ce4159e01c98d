"""Side effects of the workflows: one module per system touched, every activity idempotent."""

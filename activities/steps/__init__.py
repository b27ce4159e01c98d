"""The steps that decisions ask for: one activity each, named after its kind."""

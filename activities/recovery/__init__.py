"""The steps of a recovery: one activity each."""

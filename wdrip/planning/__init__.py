"""Decisions without side effects: models in, decision out."""

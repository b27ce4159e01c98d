"""Durable sequences: thin, deterministic, one module per workflow."""

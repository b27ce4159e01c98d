"""Whole roads on real machines, by the commands a person types."""

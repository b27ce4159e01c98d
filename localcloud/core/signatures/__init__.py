"""Verification of the signatures that RPC calls carry, written from the published algorithms."""

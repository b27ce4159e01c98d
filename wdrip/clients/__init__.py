"""Thin adapters round the SDKs: credentials, endpoints, error classification."""

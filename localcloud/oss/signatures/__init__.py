"""Verification of OSS signatures, V1 and V4, in headers and in pre-signed URLs, from the published rules."""

"""The object storage service: buckets and objects as files on disk."""

"""Keys, certificates and sealed bundles."""

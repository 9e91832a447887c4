"""Canonical bytes, checksums and the snapshot container."""

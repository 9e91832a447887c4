"""Canonical bytes, row values, checksums and the snapshot container."""

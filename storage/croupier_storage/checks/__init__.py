"""The conformance suite of storage back ends, part of the package so that your own can be checked."""

from croupier_storage.checks.suite import StorageSuite

__all__ = ["StorageSuite"]

"""The conformance suite of a back end, shipped so that anyone's own can be held to it."""

from croupier_storage.checks.suite import StorageSuite

__all__ = ["StorageSuite"]

from __future__ import annotations

import pytest

from croupier_storage import Storage, StorageError, open_storage
from croupier_storage.checks import StorageSuite
from croupier_storage.checks.samples import decision


class TestReference(StorageSuite):
    def open(self) -> Storage:
        return open_storage("memory://")


def test_stores_in_memory_are_independent() -> None:
    with open_storage("memory://", lease=True) as one, open_storage("memory://", lease=True) as other:
        one.append([decision(1)], {})
        assert other.head() == 0


@pytest.mark.parametrize("url", ["memory://host", "memory:///name", "memory://?x=1"])
def test_a_named_memory_store_is_refused(url: str) -> None:
    with pytest.raises(StorageError, match="no back end"):
        open_storage(url)

from __future__ import annotations

import pytest

from croupier_storage import Storage, StorageError, open_storage
from croupier_storage.checks import StorageSuite
from croupier_storage.checks.samples import decision


class TestReference(StorageSuite):
    def open(self) -> Storage:
        return open_storage("memory://")


def test_every_store_in_memory_is_its_own() -> None:
    with open_storage("memory://", lease=True) as one, open_storage("memory://", lease=True) as other:
        one.append([decision(1)], {})
        assert other.head() == 0


@pytest.mark.parametrize("url", ["memory://host", "memory:///name", "memory://?x=1"])
def test_a_name_would_promise_what_memory_cannot_keep(url: str) -> None:
    with pytest.raises(StorageError, match="no back end"):
        open_storage(url)

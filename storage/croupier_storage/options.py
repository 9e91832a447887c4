"""The options of opening a store."""

from __future__ import annotations

from typing import NamedTuple


class StorageOptions(NamedTuple):
    """The arguments of `open_storage` that a back end needs; they are documented there."""

    durability: str = "group"
    create: bool = True
    read_only: bool = False
    migrate: bool = False
    timeout: float = 5.0

"""What the command line needs of behaviour."""

from __future__ import annotations

from pathlib import Path

import orjson

from croupier.engine import Engine
from croupier.errors import InputError, storing
from croupier.replay import present
from croupier.runtime.opening import components_in_force
from croupier.state.features.features import Features
from croupier_storage import open_storage


def engine_for(url: str, features: Path | None) -> Engine:
    """The engine of a store as it goes on now; a new store is begun, with the features of a file if there is one."""
    with storing(), open_storage(url) as storage:
        begun = components_in_force(storage) is not None
    if features is None:
        return present(url) if begun else Engine.open(url)
    made = _features(features)
    if not begun:
        return Engine.open(url, features=made)
    raise InputError("the store has begun already, and goes on with its own features; leave --features out")


def _features(file: Path) -> Features:
    try:
        return Features(**orjson.loads(file.read_bytes()))
    except (OSError, orjson.JSONDecodeError, TypeError) as error:
        raise InputError(f"the features in {file} cannot be read: {error}") from error

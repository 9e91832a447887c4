"""A workspace's model as bytes and back, without trusting the bytes with an option.

A model file begins with a header that holds command-line options, and a forged one was seen to write files. So a
header is accepted only if it equals, byte for byte, that of a fresh workspace with our own command line; but for two
numbers in it, eight bytes, that are learned: the smallest and the largest cost met.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from croupier_policies.river_state import ForgedState
from croupier_policies.vw_examples import workspace

_MARK: Final = b"m"  # a regressor's; before it the version, after it the two costs
_LENGTH: Final = struct.Struct("<I")


def saved(vw: Any) -> bytes:
    """The model file of a workspace. Vowpal Wabbit knows no other way out than a file: a private, passing one."""
    with TemporaryDirectory(prefix="croupier-") as folder:
        path = Path(folder) / "model"
        vw.save(str(path))
        return path.read_bytes()


def loaded(options: Sequence[str], model: bytes) -> Any:
    """A workspace with these options that goes on from a model.

    Raises:
        ForgedState: the header is not that of these options, or Vowpal Wabbit does not give back what it read.
    """
    fresh = workspace(options)
    try:
        _check(saved(fresh), model)
    finally:
        fresh.finish()
    with TemporaryDirectory(prefix="croupier-") as folder:
        path = Path(folder) / "model"
        path.write_bytes(model)
        try:
            vw = workspace([*options, f"--initial_regressor={path}"])
        except ValueError as error:
            raise ForgedState(f"Vowpal Wabbit cannot read this model: {error}") from error
    if saved(vw) != model:
        vw.finish()
        raise ForgedState("Vowpal Wabbit reads this model as another one than it says")
    return vw


def _check(fresh: bytes, model: bytes) -> None:
    """Compare the headers; `fresh` is a file of our own, so where its parts stand is taken from it."""
    options = fresh.index(b" --")
    end = options + _LENGTH.unpack_from(fresh, options - _LENGTH.size)[0]
    costs = fresh.index(_MARK, _LENGTH.size + _LENGTH.unpack_from(fresh)[0]) + len(_MARK)
    if fresh[:costs] != model[:costs] or fresh[costs + 8 : end] != model[costs + 8 : end]:
        raise ForgedState("the model's header is not that of a fresh workspace with this command line")

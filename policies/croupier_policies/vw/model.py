"""A workspace's model as plain data and back, without trusting the options in its header.

A model file begins with a header that contains command-line options, and a forged one was observed to write files. So
bytes are accepted only if their header equals, byte for byte, that of a new workspace with our own command line. Two
numbers in the header are learned, the smallest and the largest cost seen: they are stored separately, as numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from croupier_policies.base import State, Vector
from croupier_policies.errors import ForgedState
from croupier_policies.vw.examples import workspace

_MARK: Final = b"m"  # marks a regressor; the version precedes it, the two costs follow it
_LENGTH: Final = struct.Struct("<I")
_COSTS: Final = struct.Struct("<ff")


def model_bytes(vw: Any) -> bytes:
    """The model file of a workspace. Vowpal Wabbit can only write to a file: a private, temporary one."""
    with TemporaryDirectory(prefix="croupier-") as folder:
        path = Path(folder) / "model"
        vw.save(str(path))
        return path.read_bytes()


def model_state(vw: Any) -> State:
    """The model with the header of a new workspace, and the two costs."""
    model = model_bytes(vw)
    offset = _costs_offset(model)
    costs = np.frombuffer(model[offset : offset + _COSTS.size], dtype="<f4").astype(np.float64)
    return {"model": model[:offset] + bytes(_COSTS.size) + model[offset + _COSTS.size :], "costs": costs}


def load_workspace(options: Sequence[str], state: Any) -> Any:
    """A workspace with these options and the model of a `model_state`.

    Raises:
        ForgedState: The header does not match the options, or Vowpal Wabbit does not write back what it read.
    """
    fresh = workspace(options)
    try:
        model = _with_costs(model_bytes(fresh), state)
    finally:
        fresh.finish()
    with TemporaryDirectory(prefix="croupier-") as folder:
        path = Path(folder) / "model"
        path.write_bytes(model)
        try:
            vw = workspace([*options, f"--initial_regressor={path}"])
        except ValueError as error:
            raise ForgedState(f"Vowpal Wabbit cannot read this model: {error}") from error
    if model_bytes(vw) != model:
        vw.finish()
        raise ForgedState("Vowpal Wabbit does not write this model back unchanged; nothing was restored")
    return vw


def _with_costs(fresh: bytes, state: Any) -> bytes:
    """The model file with the costs inserted; `fresh` is a file of our own, which gives the offsets."""
    if not isinstance(state, dict) or set(state) != {"model", "costs"} or type(state["model"]) is not bytes:
        raise ForgedState("the state of a Vowpal Wabbit policy must be a model and two costs; nothing was restored")
    model, costs, offset = state["model"], state["costs"], _costs_offset(fresh)
    options = fresh.index(b" --")
    end = options + _LENGTH.unpack_from(fresh, options - _LENGTH.size)[0]
    if fresh[:end] != model[:end]:
        raise ForgedState(
            "the model's header is not that of a new workspace with this command line; nothing was restored"
        )
    if not isinstance(costs, np.ndarray) or costs.shape != (2,) or costs.dtype != np.float64 or not _finite(costs):
        raise ForgedState(
            "the smallest and largest cost of a Vowpal Wabbit model must be two finite numbers; nothing was restored"
        )
    return model[:offset] + _COSTS.pack(*costs) + model[offset + _COSTS.size :]


def _finite(costs: Vector) -> bool:
    return bool((np.abs(costs) <= np.finfo(np.float32).max).all())  # false for NaN


def _costs_offset(model: bytes) -> int:
    """The offset of the costs: after the version, the id and the mark of a regressor."""
    return model.index(_MARK, _LENGTH.size + _LENGTH.unpack_from(model)[0]) + len(_MARK)

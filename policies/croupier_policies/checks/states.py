"""Bitwise comparison of states, and their round trip through a store."""

from __future__ import annotations

from typing import Any

import numpy as np

from croupier_policies.base import State

_LEAVES = (type(None), bool, int, float, str, bytes)


def bitwise_equal(one: Any, other: Any) -> bool:
    """Whether two structures are equal in types, shapes and every bit, NaN and -0.0 included.

    >>> bitwise_equal({"a": [0.0]}, {"a": [-0.0]}), bitwise_equal(float("nan"), float("nan"))
    (False, True)
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(bitwise_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(bitwise_equal, one, other))
    return one.hex() == other.hex() if isinstance(one, float) else bool(one == other)


def is_plain_data(state: Any) -> bool:
    """Whether a state holds only None, bool, int, float, str, bytes, list, dict with string keys and numeric arrays."""
    if isinstance(state, np.ndarray):
        return state.dtype.kind in "biuf"
    if type(state) is dict:
        return all(type(key) is str and is_plain_data(value) for key, value in state.items())
    if type(state) is list:
        return all(map(is_plain_data, state))
    return type(state) in _LEAVES


def through_storage(state: Any) -> State | Any:
    """The state as a store returns it: equal, sharing no memory, with read-only arrays."""
    if isinstance(state, np.ndarray):
        return np.frombuffer(state.tobytes(), dtype=state.dtype).reshape(state.shape)
    if isinstance(state, dict):
        return {key: through_storage(state[key]) for key in sorted(state)}
    return [through_storage(item) for item in state] if isinstance(state, list) else state


def count_elements(state: Any) -> int:
    """The number of numbers and strings in a state.

    >>> count_elements({"a": [1, "b"], "c": np.zeros((2, 3))})
    8
    """
    if isinstance(state, np.ndarray):
        return state.size
    if isinstance(state, dict | list):
        return sum(map(count_elements, state.values() if isinstance(state, dict) else state))
    return 1

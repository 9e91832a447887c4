from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.log.encoding import canonical, decode_actions, decode_row, encode_actions, encode_row

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
values = numbers | st.booleans() | text | st.none() | numbers.map(np.float64)
mappings = st.dictionaries(text, values, max_size=6)
arrays = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=9)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return bool(a.dtype == b.dtype and a.tobytes() == b.tobytes())
    return list(a.items()) == list(b.items()) and all(type(v) is type(b[k]) for k, v in a.items())


@given(mappings | arrays)
def test_what_was_written_is_what_is_read(context: Any) -> None:
    row = canonical(context, "context")
    assert same(decode_row(encode_row(row, "context")), row)
    assert same(canonical(row, "context"), row), "the canonical form is its own"


@given(mappings)
def test_the_order_of_the_names_does_not_matter(context: dict[str, Any]) -> None:
    backwards = dict(reversed(context.items()))
    assert encode_row(canonical(context, "c"), "c") == encode_row(canonical(backwards, "c"), "c")


@given(mappings | arrays)
def test_no_negative_zero_is_left(context: Any) -> None:
    row = canonical(context, "context")
    numbers = row.tolist() if isinstance(row, np.ndarray) else [v for v in row.values() if isinstance(v, float)]
    assert all(math.copysign(1.0, v) > 0 for v in numbers if v == 0)


@given(st.lists(text.filter(lambda t: t and "\0" not in t), min_size=1, max_size=5, unique=True), st.data())
def test_action_sets_come_back(ids: list[str], data: st.DataObject) -> None:
    kinds = st.none() | st.just("mapping") | st.just("array")
    kind = data.draw(kinds)
    rows = None
    if kind == "mapping":
        rows = tuple(canonical(data.draw(mappings), "a") for _ in ids)
    if kind == "array":
        size = data.draw(st.integers(0, 4))
        one = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=size, max_size=size)
        rows = tuple(canonical(data.draw(one), "a") for _ in ids)
    encoded = encode_actions(tuple(ids), rows)
    decoded = decode_actions(encoded.body, encoded.digest)
    assert decoded.ids == tuple(ids)
    if rows is None:
        assert decoded.rows is None
    else:
        assert decoded.rows is not None
        assert all(same(a, b) for a, b in zip(decoded.rows, rows, strict=True))


def test_booleans_integers_and_none() -> None:
    row = canonical({"b": True, "a": 3, "c": None, "d": np.int8(2), "e": np.bool_(False)}, "context")
    assert row == {"a": 3.0, "b": "true", "d": 2.0, "e": "false"}

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier_policies import Row, Text
from croupier_policies.encoding.flat import flat_row, words

names = st.text(max_size=4)
scalars = st.floats(allow_nan=False) | st.text(max_size=4)
several = (
    st.lists(names, max_size=3)
    | st.dictionaries(names, st.floats(1.0, 9.0), max_size=3)
    | st.lists(st.floats(allow_nan=False), max_size=3).map(np.array)
    | st.text(max_size=9).map(Text)
)


@given(st.dictionaries(names, scalars | several, max_size=5))
def test_every_leaf_is_a_number_or_a_plain_string(row: dict[str, Any]) -> None:
    flat = flat_row(row)
    assert not isinstance(flat, np.ndarray)
    assert {*map(type, flat.values())} <= {float, str}
    assert flat_row(flat) is flat


@pytest.mark.parametrize("row", [{}, {"hour": 9.0, "device": "phone"}, np.ones(3)])
def test_a_flat_row_is_returned_as_it_is(row: Row) -> None:
    assert flat_row(row) is row


@pytest.mark.parametrize(
    ("row", "flat"),
    [
        ({"t": ["b", "a", "b"]}, {"t=b": "true", "t=a": "true"}),
        ({"c": {"x": 2.0, "y.z": -1.0}}, {"c.x": 2.0, "c.y.z": -1.0}),
        ({"v": np.array([0.5, 2.0])}, {"v[0]": 0.5, "v[1]": 2.0}),
        ({"title": Text("Running SHOES, running")}, {"title=running": "true", "title=shoes": "true"}),
        ({"title": Text("…")}, {}),
        ({"c": {"x": 2.0}, "c.x": 3.0}, {"c.x": 3.0}),
        ({"n": np.float64(2.0), "b": True}, {"n": 2.0, "b": True}),
    ],
)
def test_what_each_value_becomes(row: Row, flat: dict[str, Any]) -> None:
    assert flat_row(row) == flat


@given(st.text())
def test_words_are_in_lower_case_and_hold_no_space(text: str) -> None:
    assert all(word == word.lower() and not word.isspace() for word in words(text))


def test_the_unit_that_the_engine_adds_is_no_feature_of_flat_rows() -> None:
    assert flat_row({"$unit": "u1", "hour": 9.0}) == {"hour": 9.0}

"""Encoded rows: formulas, running statistics and limits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier_policies import PolicyError, Vector
from croupier_policies.base import Row
from croupier_policies.checks.states import bitwise_equal
from croupier_policies.encoding.encoder import Encoder
from croupier_policies.encoding.scaler import SparseRow


def encoder_of(rows: list[Row], max_columns: int = 512) -> Encoder:
    encoder = Encoder(max_columns)
    for row in rows:
        encoder.observe(row)
    return encoder


def dense(encoded: SparseRow, size: int) -> Vector:
    vector = np.zeros(size)
    vector[encoded.cols] = encoded.vals
    return vector


def expected_numbers(rows: Vector, row: Vector) -> Vector:
    """Intercept, z and z² - ¼ from the mean and sd of all rows together."""
    sd = rows.std(axis=0)
    z = np.clip((row - rows.mean(axis=0)) / np.where(sd > 0, sd, 1.0), -3, 3) / 2 * (sd > 0)
    features = np.concatenate([z, (z**2 - 0.25) * (sd > 0)])
    return np.concatenate([[1.0], features * min(1.0, math.sqrt(8.0 / max(features @ features, 1e-9)))])


@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 10**6), st.sampled_from([0.0, 1.0, 5.0]))
def test_arrays(width: int, n: int, seed: int, offset: float) -> None:
    rows = np.random.default_rng(seed).normal(offset, 2.0, (n + 1, width))
    rows[:, width // 2] = 7.0  # one that never varies
    encoder = encoder_of(list(rows[:n]))
    encoded = encoder.encode(rows[n])
    assert encoded.unseen == 0.0
    np.testing.assert_allclose(dense(encoded, encoder.size), expected_numbers(rows[:n], rows[n]), rtol=1e-9, atol=1e-9)
    batch = encoder.scaler(rows[n]).encode_batch(np, rows[n:], encoder.size)
    np.testing.assert_allclose(dense(encoded, encoder.size), batch[0], rtol=1e-12, atol=1e-12)


@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 10**6))
def test_named_numbers_are_encoded_as_arrays_are(width: int, n: int, seed: int) -> None:
    rows = np.random.default_rng(seed).normal(1.0, 2.0, (n + 1, width))
    named: list[Row] = [{f"x{j}": float(x) for j, x in enumerate(row)} for row in rows]
    encoder = encoder_of(named[:n])
    vector = dense(encoder.encode(named[n]), encoder.size)
    pairs = np.concatenate([[vector[0]], vector[1::2], vector[2::2]])  # z and square stand side by side here
    np.testing.assert_allclose(pairs, expected_numbers(rows[:n], rows[n]), rtol=1e-9, atol=1e-9)


def test_a_missing_number_is_not_counted() -> None:
    encoder = encoder_of([{"x": 1.0, "y": 5.0}, {"y": 6.0}, {"x": 3.0}])
    z = (4.0 - 2.0) / 1.0 / 2.0  # mean 2 and sd 1 of the two rows that had x
    assert encoder.encode({"x": 4.0}).vals.tolist() == [1.0, z, z * z - 0.25]


def test_strings_are_one_hot_by_field_and_value() -> None:
    encoder = encoder_of([{"a": "u", "b": "v"}, {"a": "v"}])
    encoded = encoder.encode({"b": "v", "a": "v"})
    assert encoded.cols.tolist() == [0, 2, 3]
    assert encoded.vals.tolist() == [1.0, 1.5 / math.sqrt(2), 1.5 / math.sqrt(2)]
    assert encoder.encode({"a": "v"}).vals.tolist() == [1.0, 1.5]


def test_unseen_values_have_prior_variance_and_allocate_nothing() -> None:
    encoder = encoder_of([{"a": "u", "x": 1.0}, {"a": "u", "x": 2.0}])
    before = encoder.state()
    encoded = encoder.encode({"a": "new", "b": "new", "y": 3.0})
    assert (encoded.cols.tolist(), encoded.vals.tolist()) == ([0], [1.0])
    assert encoded.unseen == pytest.approx(2.0 * 1.5**2 / 2.0)
    assert bitwise_equal(encoder.state(), before)


def test_long_rows_are_scaled_down_to_root_eight() -> None:
    rows = np.tile([[-1.0], [1.0]], (1, 20))
    encoder = encoder_of(list(rows))
    vals = encoder.encode(rows[1] * 9.0).vals
    assert vals[0] == 1.0
    assert vals[1:] @ vals[1:] == pytest.approx(8.0)
    assert vals[1] / vals[21] == pytest.approx(1.5 / 2.0)  # z = 3/2 and z² - ¼ = 2, in their proportion
    short = encoder.encode(rows[1]).vals
    np.testing.assert_allclose(short[1:], [0.5] * 20 + [0.0] * 20)
    numbers = [{f"x{j}": sign for j in range(20)} for sign in (-1.0, 1.0)]
    row = dict.fromkeys(numbers[0], 9.0) | {"a": "u", "b": "new"}
    mixed = encoder_of([*numbers, {"a": "u"}]).encode(row)
    assert mixed.vals[1:] @ mixed.vals[1:] + mixed.unseen == pytest.approx(8.0)


def test_beyond_the_last_column_new_values_are_ignored_and_counted() -> None:
    encoder = encoder_of([{"a": "u", "x": 1.0}, {"a": "v", "x": 2.0}], max_columns=5)
    assert (encoder.size, encoder.ignored) == (5, 0)
    encoder.observe({"a": "w", "y": 1.0, "x": 3.0})
    assert (encoder.size, encoder.ignored) == (5, 2)
    encoded = encoder.encode({"a": "w", "y": 1.0, "x": 3.0})
    assert encoded.cols.tolist() == [0, 2, 3]
    assert encoded.unseen == 0.0, "what is never learned must not be explored for ever"
    assert encoder.encode({"a": "v"}).cols.tolist() == [0, 4], "what was known stays known"


def test_room_bounds_the_columns_further() -> None:
    encoder = Encoder(512)
    assert encoder.observe({"a": "u", "b": "v"}, room=2)
    assert (encoder.size, encoder.ignored) == (2, 1)
    assert not encoder.observe(np.zeros(1), room=3)
    assert encoder.observe(np.zeros(1), room=4)
    assert (encoder.size, encoder.ignored) == (4, 2)


def test_fields_and_arrays_have_columns_of_their_own() -> None:
    rows = np.random.default_rng(0).normal(size=(9, 2))
    mixed = encoder_of([{"x": 1.0, "a": "u"}, *rows[:4], {"x": 3.0, "new": 1.0}, *rows[4:]])
    alone = encoder_of(list(rows))
    encoded = mixed.encode(rows[0])
    assert encoded.cols.tolist() == [0, 4, 5, 6, 7]
    np.testing.assert_array_equal(encoded.vals, alone.encode(rows[0]).vals)
    assert mixed.encode({"x": 3.0}).vals.tolist() == [1.0, 0.5, 0.0]


def test_arrays_of_another_width_are_refused_at_prediction_and_ignored_in_learning() -> None:
    encoder = encoder_of([np.zeros(3)])
    with pytest.raises(PolicyError, match="4 numbers came after arrays of 3"):
        encoder.encode(np.zeros(4))
    before = encoder.state()
    assert not encoder.observe(np.zeros(4))
    assert bitwise_equal(encoder.state(), before | {"ignored": 1})


def test_an_array_too_wide_says_which_setting_to_raise() -> None:
    with pytest.raises(PolicyError, match="9 columns, over max_columns=8"):
        Encoder(8).encode(np.zeros(4))
    Encoder(9).encode(np.zeros(4))


def test_width_after_equals_the_width_after_observing() -> None:
    rows: list[Row] = [
        {"x": 1.0, "a": "u"},
        {"x": 2.0, "a": "v", "y": 0.0},
        np.zeros(4),
        np.zeros(4),
        {"z": 1.0, "q": 1.0},
    ]
    encoder = Encoder(17)
    for row in rows:
        expected = encoder.width_after(row)
        encoder.observe(row)
        assert encoder.size == expected
    assert encoder.size == 17

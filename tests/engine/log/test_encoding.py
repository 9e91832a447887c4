from __future__ import annotations

import math
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from croupier.errors import CorruptStore, InputError
from croupier.log.canonical import canonical
from croupier.log.encoding import (
    decode_actions,
    decode_features,
    decode_row,
    encode_actions,
    encode_matrix,
    encode_row,
    former_digest,
)
from croupier_policies import Text
from croupier_policies.checks.states import bitwise_equal
from croupier_storage import encode_references, references

compiling = settings(deadline=None)  # the first call compiles
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = finite | st.integers(-(2**53), 2**53)
scalars = numbers | st.booleans() | text | st.none() | numbers.map(np.float64)
arrays = st.lists(finite, max_size=9)
singles = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=9)
tags = st.lists(text, max_size=5)
several = (
    (arrays | singles)
    | singles.map(lambda found: np.array(found, dtype=np.float32))
    | (tags | st.sets(text, max_size=5) | tags.map(tuple))
    | st.dictionaries(text, numbers, max_size=5)
    | text.map(Text)
)
flat = st.dictionaries(text, scalars, max_size=6)
nested = st.dictionaries(text, scalars | several, max_size=6)


def same(a: Any, b: Any) -> bool:
    return bitwise_equal(a, b) and (isinstance(a, np.ndarray) or list(a) == list(b))


def leaves(row: Any) -> list[Any]:
    if isinstance(row, np.ndarray):
        return row.tolist()
    if isinstance(row, dict):
        return [leaf for value in row.values() for leaf in leaves(value)]
    return [row]


@compiling
@given(nested | arrays)
def test_what_was_written_is_what_is_read(context: Any) -> None:
    row = canonical(context, "context")
    assert same(decode_row(encode_row(row, "context")), row)
    assert same(canonical(row, "context"), row), "the canonical form is its own"


@compiling
@given(nested)
def test_the_order_of_the_names_does_not_matter(context: dict[str, Any]) -> None:
    backwards = {
        name: dict(reversed(value.items())) if isinstance(value, dict) else value
        for name, value in reversed(context.items())
    }
    assert encode_row(canonical(context, "c"), "c") == encode_row(canonical(backwards, "c"), "c")


@compiling
@given(nested | arrays)
def test_no_negative_zero_is_left(context: Any) -> None:
    found = [v for v in leaves(canonical(context, "context")) if isinstance(v, float)]
    assert all(math.copysign(1.0, v) > 0 for v in found if v == 0)


@compiling
@given(st.dictionaries(text, numbers, max_size=5))
def test_a_count_of_zero_is_an_absent_one(counts: dict[str, float]) -> None:
    present = {name: count for name, count in counts.items() if count}
    assert same(canonical({"c": counts}, "x"), canonical({"c": present} if present else {}, "x"))


@compiling
@given(st.lists(text.filter(lambda t: t and "\0" not in t), min_size=1, max_size=5, unique=True), st.data())
def test_action_sets_come_back(ids: list[str], data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([None, flat, nested, arrays]))
    rows = None if kind is None else tuple(canonical(data.draw(kind), "a") for _ in ids)
    if kind is arrays and rows is not None:
        width = min(map(len, rows))
        rows = tuple(row[:width] for row in rows)  # type: ignore[index] # arrays
    encoded = encode_actions(tuple(ids), rows)
    features = {digest: decode_features(body, digest) for digest, body in encoded.items.items()}
    decoded = decode_actions(encoded.body, encoded.digest, features)
    assert decoded.ids == tuple(ids)
    assert (decoded.rows is None) == (rows is None)
    assert all(same(a, b) for a, b in zip(decoded.rows or (), rows or (), strict=True))


def test_booleans_integers_and_none() -> None:
    row = canonical({"b": True, "a": 3, "c": None, "d": np.int8(2), "e": np.bool_(False)}, "context")
    assert row == {"a": 3.0, "b": "true", "d": 2.0, "e": "false"}


class Tensor:
    """As those of other libraries: numpy reads it."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = numbers

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.numbers, dtype=np.float32)


class Gradient(Tensor):
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise RuntimeError("use tensor.detach().numpy() instead")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([1, 2.5], np.array([1.0, 2.5])),
        ((1, 2), np.array([1.0, 2.0])),
        (range(3), np.arange(3.0)),
        (np.array([1, 2], dtype=np.int16), np.array([1.0, 2.0])),
        (np.array([0.1], dtype=np.float16), np.array([float(np.float16(0.1))])),
        (np.array([1, 2.5], dtype=object), np.array([1.0, 2.5])),
        (Tensor(0.5, -0.0), np.array([0.5, 0.0])),
        (["b", "a", "b"], ["b", "a", "b"]),
        ((np.str_("b"),), ["b"]),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (np.array(["b", "a"]), ["b", "a"]),
        ({"b": 2, "a": -1.5, "c": 0, "d": np.int8(0), "e": np.float32(0.5)}, {"a": -1.5, "b": 2.0, "e": 0.5}),
        (MappingProxyType({"a": 1}), {"a": 1.0}),
        (Text(""), Text("")),
    ],
)
def test_what_a_value_becomes(value: Any, found: Any) -> None:
    assert bitwise_equal(canonical({"x": value}, "context"), {"x": found})


@pytest.mark.parametrize("value", [None, [], (), set(), {}, {"a": 0, "b": -0.0}, np.zeros(0), np.array([], dtype=str)])
def test_a_value_that_says_nothing_is_left_out(value: Any) -> None:
    assert canonical({"x": value, "y": 1}, "context") == {"y": 1.0}


REFUSED: list[tuple[Any, str]] = [
    ([1, "a"], "contains 1 of type int, but tags are plain strings"),
    (["a", None], "contains None of type NoneType, but tags are plain strings"),
    ([Text("a")], "contains 'a' of type Text, but tags are plain strings"),
    ({1, 2}, "contains 1 of type int, but tags are plain strings"),
    ([["a"]], "is a list of lists or mappings, and .*; flatten it"),
    ([{"a": 1}], "is a list of lists or mappings, and .*; flatten it"),
    ([1.0, None], "is not an array of numbers: it contains None"),
    ([1j], "is not an array of numbers"),
    (np.array(["2026-01-01"], dtype="M8[s]"), "is not an array of numbers"),
    (np.zeros((2, 2)), "has 2 dimensions"),
    (np.array(1.0), "has 0 dimensions"),
    ([1.0, math.nan], r"is not finite at the indices \[1\]"),
    (np.ma.masked_array([1.0, 2.0], [True, False]), "masked values"),
    (Gradient(1.0), r"is not an array of numbers: use tensor.detach\(\)"),
    ({"a": "b"}, r"x'\]\['a'\] is 'b', but counts are numbers .* flatten it; give"),
    ({"a": {"b": 1}}, "but counts are numbers"),
    ({"a": True}, "but counts are numbers"),
    ({"a": None}, "but counts are numbers"),
    ({"a": [1.0]}, "but counts are numbers"),
    ({"a": math.inf}, "is not a finite number"),
    ({"a": 2**60}, "is not a finite number that a 64-bit float represents exactly"),
    ({1: 1}, "has the name 1, a int; names are strings"),
    ({1: 1, "a": 2}, "has a name that is not a string"),
    ({"n" * 1025: 1}, "has a name of 1,025 bytes"),
    (b"a", "is a bytes; give a number, a string"),
    (iter("a"), "is a str_.*iterator; give a number, a string"),
    (np.longdouble(1), "is a longdouble; give a number, a string"),
    (["a"] * 65_537, "has 65,537 features"),
    (range(10**12), "has 1,000,000,000,000 features"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED)
def test_what_is_refused_and_why(value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        canonical({"x": value}, "context")


def test_all_leaves_of_a_row_are_counted_together() -> None:
    half = 40_000
    with pytest.raises(InputError, match="context has 80,000 features"):
        canonical({"x": np.zeros(half), "y": ["a"] * half}, "context")


@pytest.mark.parametrize("value", [Text("\ud800"), ["\ud800"], {"\ud800": 1.0}])
def test_half_a_character_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="not valid Unicode"):
        encode_row(canonical({"x": value}, "context"), "context")


def test_an_array_of_single_precision_takes_four_bytes_a_number() -> None:
    vector = np.random.default_rng(0).normal(size=384).astype(np.float32)
    for kind in (np.float32, np.float16):
        row = canonical({"e": vector.astype(kind), "n": 1}, "context")
        assert len(encode_row(row, "context")) == 4 * 384 + len(b'_1234{"e":[384,4],"n":1.0}')
        assert len(encode_row(canonical(vector.astype(kind), "context"), "context")) == 4 * 384 + 1
    assert len(encode_row(canonical(vector / 3.0 + 1e-12, "context"), "context")) in (4 * 384 + 1, 8 * 384 + 1)
    assert len(encode_row(canonical({"e": [0.1] * 384}, "context"), "context")) > 8 * 384


PLAIN = b'{"a":["x"],"b":{"k":2.0},"c":{"text":"t"},"d":1.5}'


def packed(json: bytes, *arrays: bytes) -> bytes:
    return b"\x03" + len(json).to_bytes(4, "little") + json + b"".join(arrays)


def test_the_form_of_the_log() -> None:
    row = canonical({"a": ["x"], "b": {"k": 2}, "c": Text("t"), "d": 1.5}, "context")
    assert encode_row(row, "context") == PLAIN
    row = canonical({"v": [0.5, 2.0], "w": [0.1]}, "context")
    numbers = np.array([0.5, 2.0], "<f4").tobytes(), np.array([0.1], "<f8").tobytes()
    assert encode_row(row, "context") == packed(b'{"v":[2,4],"w":[1,8]}', *numbers)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'["a"]',
        b"1.5",
        b'{"a":1}',
        b'{"a":null}',
        b'{"a":true}',
        b'{"a":[]}',
        b'{"a":[1.5]}',
        b'{"a":[2,8]}',
        b'{"a":["x",1.0]}',
        b'{"a":[["x"]]}',
        b'{"a":{}}',
        b'{"a":{"k":0.0}}',
        b'{"a":{"k":"v"}}',
        b'{"a":{"l":1.0,"k":1.0}}',
        b'{"b":["x"],"a":1.0}',
        b'{"a":{"text":"t","k":1.0}}',
        b'{"a":{"text":null}}',
        b"{" + b'"a":{' * 2000,
        b"\x01" + np.array([np.nan]).tobytes(),
        b"\x04" + np.array([np.inf], "<f4").tobytes(),
        b"\x01" + b"1234567",
        b"\x04" + b"123",
        b"\x05" + b"1234",
        b"\x03",
        b"\x03\xff\xff\xff\xff{}",
        packed(b"{}"),
        packed(b"[1,8]", b"12345678"),
        packed(b'{"a":1.0}'),
        packed(b'{"v":[1,8]}', b"1234567"),
        packed(b'{"v":[1,8]}', b"123456789"),
        packed(b'{"v":[0,8]}'),
        packed(b'{"v":[-1,8]}', b"12345678"),
        packed(b'{"v":[true,8]}', b"12345678"),
        packed(b'{"v":[1.0,8]}', b"12345678"),
        packed(b'{"v":[18446744073709551615,8]}', b"12345678"),
        packed(b'{"v":[1,2]}', b"12"),
        packed(b'{"v":[1,[8]]}', b"12345678"),
        packed(b'{"u":[1,8.0],"v":[1,8]}', b"1234567812345678"),
        packed(b'{"v":[1,8]}', np.array([0.5]).tobytes()),  # four bytes would do
        packed(b'{"v":[1,8]}', np.array([np.nan]).tobytes()),
        packed(b'{"v":[1,4]}', np.array([-0.0], "<f4").tobytes()),
        packed(b'{"v": [1,4]}', np.array([0.5], "<f4").tobytes()),
        packed(b'{"w":[1,4],"v":1.0}', np.array([0.5], "<f4").tobytes()),
        packed(b'{"v":[1,4],"v":[1,4]}', np.array([0.5, 0.5], "<f4").tobytes()),
        b"{" + b" " * (1 << 20) + b"}",
    ],
)
def test_what_cannot_have_been_written_is_refused(body: bytes) -> None:
    with pytest.raises(CorruptStore):
        decode_row(body)


@compiling
@given(st.binary(max_size=40), st.sampled_from([b"", b"\x01", b"\x03", b"\x04", b"{"]), nested, st.data())
def test_no_bytes_raise_another_error(noise: bytes, first: bytes, context: Any, data: st.DataObject) -> None:
    body = encode_row(canonical(context, "context"), "context")
    place = data.draw(st.integers(0, len(body)))
    for each in (first + noise, body[:place] + noise + body[place:], body[:place]):
        try:
            row = decode_row(each)
        except CorruptStore:
            continue
        assert isinstance(row, np.ndarray | dict)


json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**64 - 1) | finite | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


@compiling
@given(st.dictionaries(text, json, max_size=4), st.binary(max_size=40))
def test_no_json_raises_another_error(row: dict[str, Any], rest: bytes) -> None:
    for body in (orjson.dumps(row), packed(orjson.dumps(row), rest)):
        try:
            found = decode_row(body)
        except CorruptStore:
            continue
        assert same(canonical(found, "context"), found) or not any(isinstance(v, list | dict) for v in row.values())


def test_what_older_versions_wrote_is_read() -> None:
    row = np.array([0.5, 2.0])
    assert same(decode_row(b"\x01" + row.tobytes()), row)
    body = orjson.dumps([["a", [0.5, 2.0]], ["b", [1.0, 0.1]]])
    actions = decode_actions(body, blake2b(body, digest_size=16).digest())
    assert actions.rows is not None
    assert same(actions.rows[0], row)
    assert former_digest(actions) == blake2b(body, digest_size=16).digest()
    assert former_digest(encode_actions(("a",), ({"x": 1.0},)).actions) is None
    assert former_digest(encode_actions(("a",), None).actions) is None


VECTOR = canonical({"v": np.ones(384), "tags": ["new"]}, "a")


def test_an_items_features_are_stored_once_by_content() -> None:
    one, other = encode_actions(("a", "b"), (VECTOR, VECTOR)), encode_actions(("c",), (VECTOR,))
    assert one.items == other.items == {references(one.body)[0][0]: encode_row(VECTOR, "a")}
    assert len(one.body) < 60
    assert one.bodies() == {**one.items, one.digest: one.body}
    assert not encode_actions(("a",), ({"tags": ["new"]},)).items
    assert not encode_matrix(("a",), (np.ones(3),)).items, "a catalogue of arrays is one body, and keeps its version"


def _set_of(digests: list[bytes], ids: Any) -> tuple[bytes, bytes]:
    body = encode_references(digests, orjson.dumps(ids))
    return body, blake2b(body, digest_size=16).digest()


def test_a_set_whose_items_do_not_fit_it_is_refused() -> None:
    encoded = encode_actions(("a", "b"), (VECTOR, VECTOR))
    ((digest, item),) = encoded.items.items()
    features = {digest: decode_features(item, digest)}
    for body, of in (
        (encoded.body, digest),
        (encoded.body[:-3], encoded.digest),
        _set_of([digest], ["a", "b"]),
        _set_of([digest, digest], ["a", "a"]),
        _set_of([digest, digest], ["a", 1]),
        _set_of([digest], "a"),
        _set_of([digest], {"a": 1}),
        _set_of([], ["a"]),
        _set_of([digest[:8]], ["a"]),
    ):
        with pytest.raises(CorruptStore):
            decode_actions(body, of, features)
    with pytest.raises(CorruptStore, match="cannot be read"):
        decode_actions(encoded.body, encoded.digest)
    with pytest.raises(CorruptStore, match="changed after they were written"):
        decode_features(item[:-1], digest)
    other = encode_actions(("a",), None)
    with pytest.raises(CorruptStore, match="neither named values"):
        decode_features(other.body, other.digest)


def test_the_features_of_all_actions_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode_actions.__module__ + ".CATALOGUE", type("L", (), {"maximum": 99, "reason": "r"}))
    with pytest.raises(InputError, match=r"the features of actions have 1,\d+ bytes"):
        encode_actions(("a",), (VECTOR,))

from __future__ import annotations

import struct
import zlib
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from croupier_storage import CorruptSnapshot, decode_state, encode_state, hash_state
from croupier_storage.encoding import limits
from croupier_storage.encoding.canonical import DEPTH, DTYPES, encode
from croupier_storage.encoding.limits import Budget
from croupier_storage.encoding.parsing import decode

exactly = settings(max_examples=150, derandomize=True, deadline=None, database=None)

arrays = st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0)))
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | arrays
states = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


def same(one: Any, other: Any) -> bool:
    """Equal in type and in every bit."""
    if type(one) is not type(other):
        return False
    if type(one) is dict:
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if type(one) is list:
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) is np.ndarray:
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if type(one) is float:
        return struct.pack("<d", one) == struct.pack("<d", other)
    return bool(one == other)


def container(plain: bytes, *, version: int = 1, length: int | None = None, packed: bytes | None = None) -> bytes:
    """A forged container: the checksum is right, the content arbitrary."""
    length = len(plain) if length is None else length
    packed = zlib.compress(plain) if packed is None else packed
    checksum = blake2b(struct.pack("<HQ", version, length) + packed, digest_size=32).digest()
    return struct.pack("<8sHQ32s", b"\x89CRP\r\n\x1a\n", version, length, checksum) + packed


def size(count: int) -> bytes:
    return struct.pack("<Q", count)


@exactly
@given(states)
def test_the_round_trip_is_exact(state: Any) -> None:
    back = decode_state(encode_state(state))
    assert same(back, state)
    assert hash_state(back) == hash_state(state)


@exactly
@given(states, states)
def test_hashes_are_equal_if_and_only_if_states_are(one: Any, other: Any) -> None:
    assert (hash_state(one) == hash_state(other)) == same(one, other)


@exactly
@given(st.binary(max_size=80))
def test_forged_content_is_refused_or_canonical(plain: bytes) -> None:
    try:
        state = decode_state(container(plain))
    except CorruptSnapshot:
        return
    assert encode(state) == plain


def test_a_flipped_bit_anywhere_raises() -> None:
    sound = encode_state({"weights": np.arange(6.0).reshape(2, 3), "names": ["a", "b"], "n": -(2**70)})
    for bit in range(8 * len(sound)):
        damaged = bytearray(sound)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CorruptSnapshot):
            decode_state(bytes(damaged))
    for end in range(len(sound)):
        with pytest.raises(CorruptSnapshot):
            decode_state(sound[:end])


ENDLESS = b"l" + size(1)

HOSTILE = {
    "nothing": b"",
    "unknown tag": b"z",
    "pickle": b"\x80\x04cos\nsystem\n.",
    "trailing bytes": b"nn",
    "int longer than the rest": b"i" + size(2**63) + b"\x01",
    "int of no bytes": b"i" + size(0),
    "int with a spare byte": b"i" + size(2) + b"\x01\x00",
    "negative int with a spare byte": b"i" + size(2) + b"\xff\xff",
    "float cut off": b"d\x00",
    "text that is not UTF-8": b"s" + size(1) + b"\xff",
    "text with a surrogate": b"s" + size(3) + b"\xed\xa0\x80",
    "text longer than the rest": b"s" + size(2**64 - 1),
    "list longer than the rest": b"l" + size(2**62) + b"n",
    "dict longer than the rest": b"m" + size(2**62) + size(1) + b"an",
    "keys out of order": b"m" + size(2) + size(1) + b"bn" + size(1) + b"an",
    "key twice": b"m" + size(2) + size(1) + b"an" + size(1) + b"an",
    "too deep": ENDLESS * (DEPTH + 1) + b"n",
    "far too deep": ENDLESS * 100_000 + b"n",
    "object array": b"a" + bytes([len(DTYPES), 1]) + size(1) + bytes(8),
    "array cut off": b"a\x0a\x01" + size(2) + bytes(8),
    "array whose size overflows": b"a\x0a\x02" + size(2**32) + size(2**32) + bytes(8),
    "array empty along one axis and endless along others": b"a\x0a\x03" + size(0) + size(2**63) + size(2**63),
    "array of 255 axes": b"a\x0a\xff" + size(1) * 255 + bytes(8),
    "bool that is 2": b"a\x00\x01" + size(1) + b"\x02",
}


@pytest.mark.parametrize("plain", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_content_is_refused(plain: bytes) -> None:
    with pytest.raises(CorruptSnapshot):
        decode_state(container(plain))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "truncated"),
        (b"PK\x03\x04" + bytes(100), "not a snapshot"),
        (container(b"n", version=2), "Upgrade"),
        (container(b"n", version=0), "format 0"),
        (container(b"n", length=2), "size that it claims"),
        (container(b"n", length=0), "size that it claims"),
        (container(b"n", length=2**64 - 1), "limit"),
        (container(b"n", packed=zlib.compress(b"n")[:-1]), "size that it claims"),
        (container(b"n", packed=zlib.compress(b"n") + b"more"), "size that it claims"),
        (container(bytes(3 << 20), packed=zlib.compress(bytes(3 << 20)) + b"more"), "size that it claims"),
        (container(b"n", packed=b"not zlib"), "decompress"),
        (container(b"n", packed=b""), "size that it claims"),
    ],
)
def test_a_hostile_container_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(CorruptSnapshot, match=message):
        decode_state(data)


def test_the_checksum_covers_the_content_and_its_size() -> None:
    one, other = (encode_state(text * 50) for text in ("a", "b"))
    head = struct.calcsize("<8sHQ32s")
    assert decode_state(container(encode("b" * 50), packed=other[head:])) == "b" * 50
    with pytest.raises(CorruptSnapshot, match="checksum"):
        decode_state(one[:head] + other[head:])
    longer = container(b"n", length=2)[:18] + container(b"n")[18:]
    with pytest.raises(CorruptSnapshot, match="checksum"):
        decode_state(longer)


def test_a_decompression_bomb_is_not_inflated() -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    assert len(bomb) < 100_000
    with pytest.raises(CorruptSnapshot, match="size that it claims"):
        decode_state(container(b"", length=10, packed=bomb))
    with pytest.raises(CorruptSnapshot, match="limit"):
        decode_state(container(b"", length=50_000_000, packed=bomb), limit=1_000_000)


def test_the_limit_applies_to_the_uncompressed_size() -> None:
    data = encode_state(b"x" * 91)  # a tag and a length are 9 bytes more
    assert decode_state(data, limit=100) == b"x" * 91
    with pytest.raises(CorruptSnapshot, match="limit"):
        decode_state(data, limit=99)


def test_a_size_up_to_what_the_bytes_account_for_is_accepted() -> None:
    most = limits.SIZE_FLOOR - 9  # a tag and a length
    assert decode_state(container(encode(bytes(most)))) == bytes(most)
    with pytest.raises(CorruptSnapshot, match="forged"):
        decode_state(container(encode(bytes(most + 1))))


@pytest.mark.parametrize("size", [1000, limits.SIZE_FLOOR])
def test_a_state_is_compressed_as_far_as_it_can_be_read_back(size: int) -> None:
    data = encode_state(bytes(size))
    assert len(data) < size / 7
    assert decode_state(data) == bytes(size)


@pytest.mark.parametrize("state", [bytes(1000), "x" * 1000, [None] * 1000, {"x": 1000 * "x"}, np.zeros(1000)], ids=type)
def test_everything_in_a_state_takes_memory_from_the_budget(state: Any) -> None:
    plain = encode(state)
    with pytest.raises(CorruptSnapshot, match="memory"):
        decode(plain, Budget(1000))
    assert same(decode(plain, Budget(100_000)), state)


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1: "key"},
        {1, 2},
        1j,
        np.float64(1.0),
        np.bool_(True),
        bytearray(b"x"),
        np.array(["text"]),
        np.array([object()]),
        np.zeros(2, np.float16),
        np.zeros(2, ">f8"),
        np.ma.array([1.0]),
        object(),
        encode_state,
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_that_would_be_read_back_as_another_type_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="snapshot"):
        encode_state([value])


def test_a_state_too_deep_or_circular_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="deeper"):
        encode_state(circle)
    state: Any = None
    for _ in range(DEPTH):
        state = [state]
    assert decode_state(encode_state(state)) == state
    with pytest.raises(ValueError, match="deeper"):
        encode_state([state])
    nested: Any = None
    for _ in range(DEPTH):
        nested = {"x": nested}
    assert decode_state(encode_state(nested)) == nested
    with pytest.raises(ValueError, match="deeper"):
        encode_state({"x": nested})
    for plain in (b"l" + size(1), b"m" + size(1) + size(1) + b"x"):
        assert decode_state(container(plain * DEPTH + b"n")) in (state, nested)
        with pytest.raises(CorruptSnapshot, match="deeper"):
            decode_state(container(plain * (DEPTH + 1) + b"n"))


def test_arrays_are_decoded_new_writable_and_in_c_order() -> None:
    back = decode_state(encode_state(np.asfortranarray(np.arange(6.0).reshape(2, 3))))
    assert isinstance(back, np.ndarray)
    assert back.flags.c_contiguous
    assert back.flags.writeable
    assert back.flags.owndata


def test_the_hash_of_a_state_never_changes() -> None:
    """Existing stores contain these: a change would invalidate every snapshot and every `verify`."""
    state = {"b": [None, True, -1, 0.5, "Ω", b"\x00"], "a": np.arange(3, dtype=np.int16)}
    assert hash_state(state) == "fffe398ca8f65d9ae09262c9a1ae45ccc8528eb6d089206a6b868884f5738a77"

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
import pytest

from croupier_storage import Fact, InvalidFact, Kind, open_storage
from croupier_storage.encoding.checksums import fact_digest, intact
from croupier_storage.encoding.rows import MAX_INDEXED_BYTES, row
from croupier_storage.sql.columns import group_columns

FULL = Fact(1, Kind.DECISION, 1.5, "id", 2, "unit", 'a\tb\x7f\u2028Ω😀"\\', 0.25, 0.5, 3, 4, b"c", b"", "key", b"{}")
EXACT = FULL._replace(kind="decision")  # every value has the type that is read back, so that a group is converted fast
LONG = "語" * (MAX_INDEXED_BYTES // 3 + 1)


def test_the_checksum_of_a_row_never_changes() -> None:
    """Existing stores contain these: a change, also in a library, would report every row as damaged."""
    assert fact_digest(row(FULL)[:-1]).hex() == "a3035b0a6b21e95a"
    assert fact_digest(row(Fact(1 << 62, "reward", 0.1, decision=-1, reward=1e300))[:-1]).hex() == "9d83c0457018dc1a"


def test_every_field_affects_the_checksum() -> None:
    others: tuple[object, ...] = (9, "x", 2.5, "x", 9, "x", "x", 9.5, 9.5, 9, 9, b"x", b"x", "x", b"x")
    changed = [FULL._replace(**{name: other}) for name, other in zip(Fact._fields, others, strict=True)]
    absent = [FULL._replace(**{name: None}) for name in Fact._fields[3:]]
    swapped = [FULL._replace(id=FULL.unit, unit=FULL.id), FULL._replace(context=b"", actions=b"c")]
    digests = [fact_digest(fact) for fact in (FULL, *changed, *absent, *swapped)]
    assert len(set(digests)) == len(digests)


def test_a_row_of_wrong_types_is_never_intact() -> None:
    assert intact(lambda: fact_digest(row(FULL)[:-1]), fact_digest(row(FULL)[:-1]))
    for wrong in ({"at": "text"}, {"context": 3}, {"unit": object()}):
        values = [*FULL._replace(**wrong)]  # type: ignore[arg-type] # that is the point
        assert not intact(lambda values=values: fact_digest(values), b"")  # type: ignore[misc] # as above


class Colour(StrEnum):
    RED = "red"


def test_values_are_stored_with_the_types_that_are_read_back() -> None:
    fact = Fact(
        np.int64(1),  # type: ignore[arg-type]  # what a careless caller gives
        Kind.DECISION,
        5,
        id=np.str_("id"),
        unit=Colour.RED,
        as_of=True,
        reward=np.float32(0.5),  # type: ignore[arg-type]
        propensity=1,
        context=memoryview(b"c"),  # type: ignore[arg-type]
        body=bytearray(b"b"),  # type: ignore[arg-type]
    )
    plain = Fact(1, "decision", 5.0, "id", None, "red", None, 0.5, 1.0, 1, None, b"c", None, None, b"b")
    values = row(fact)
    assert values == row(plain)
    assert [type(value) for value in values] == [type(value) for value in row(plain)]
    with open_storage("sqlite://") as storage:
        storage.append([fact], {})
        assert list(storage.facts()) == [plain]
        assert list(storage.damaged_positions()) == []


@pytest.mark.parametrize(
    "wrong",
    [{"at": "1.5"}, {"at": None}, {"id": 5}, {"as_of": 1.0}, {"context": "text"}, {"context": 3}, {"kind": None}],
)
def test_values_of_another_type_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidFact, match="position 1"):
        row(FULL._replace(**wrong))
    with pytest.raises(InvalidFact, match="position 1"):
        group_columns([EXACT._replace(**wrong)])


@pytest.mark.parametrize(("last", "beyond"), [((1 << 63) - 1, 1 << 63), (-(1 << 63), -(1 << 63) - 1)])
def test_an_integer_beyond_64_bits_is_refused(last: int, beyond: int) -> None:
    assert last in row(FULL._replace(as_of=last))
    with pytest.raises(InvalidFact, match="64 bits"):
        row(FULL._replace(as_of=beyond))


@pytest.mark.parametrize(
    "wrong",
    [
        {"reward": -0.0},
        {"reward": math.nan},
        {"at": math.inf},
        {"unit": "nul\0"},
        {"unit": "half \ud800"},
        {"id": LONG},
        {"key": LONG},
    ],
)
def test_a_value_that_cannot_be_stored_is_found_among_others(wrong: dict[str, object]) -> None:
    """Also where the text of another fact is empty."""
    bad, good = EXACT._replace(**wrong), EXACT._replace(position=2, id="", key="")  # type: ignore[arg-type] # as above
    assert len(group_columns([EXACT, good])) == 1
    with pytest.raises(InvalidFact, match="position 1"):
        group_columns([bad, good])
    with pytest.raises(InvalidFact, match="position 1"):
        group_columns([good, bad])

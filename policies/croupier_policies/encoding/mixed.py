"""Packs contexts of numbers, strings, tags, counts, texts, ids and long arrays for the kernels of a mixed model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import Finding, Reason, RefusedNames, Row, State, Text, Value, Vector, listed
from croupier_policies.encoding.arena import Arena, Shape
from croupier_policies.encoding.flat import words
from croupier_policies.encoding.watch import WINDOW, never_vary
from croupier_policies.kernels import arena, blocks
from croupier_policies.kernels import encoding_mixed as kernels

NUMBER_COLUMNS = 64  # numbers in the full part
STRING_COLUMNS = 64  # one-hot columns in it
VALUES = 16  # of a field, that have one
TAG_FIELDS = 256  # with statistics of their own
LONG = 64  # an array of more numbers is a block
HASHES, LONGEST_CACHED = 1 << 16, 64  # hashes that are cached, and the longest value of one


class PackedRow(NamedTuple):
    """A row as the kernels take it; see `kernels.encoding_mixed`."""

    integers: NDArray[np.int64]
    floats: Vector


class _Parts:
    """What a row consists of, by kind, as integers and floats in the order of a packed row."""

    __slots__ = ("blocks", "fields", "hashed", "hot", "ids", "numbers", "unseen", "values")

    def __init__(self) -> None:
        self.numbers: list[int] = []  # index and hash of each
        self.values: list[float] = []
        self.hot: list[int] = []  # both columns and the hash of each
        self.unseen = 0
        self.hashed: list[int] = []
        self.ids: list[int] = []
        self.fields: list[tuple[int, list[int], list[float]]] = []
        self.blocks: list[tuple[int, Vector]] = []

    def packed(self) -> PackedRow:
        counts = len(self.values), len(self.hot) // 3, self.unseen, len(self.hashed), len(self.ids)
        integers = [*counts, len(self.fields), len(self.blocks), *self.numbers, *self.hot, *self.hashed, *self.ids]
        floats = self.values
        for index, tags, tag_counts in self.fields:
            integers += (index, len(tags))
            integers += tags
            floats += tag_counts
        for index, array in self.blocks:
            integers += (index, array.shape[0])
        flat = np.array(floats, dtype=np.float64)
        if self.blocks:
            flat = np.concatenate([flat, *(array for _, array in self.blocks)])
        return PackedRow(np.array(integers, dtype=np.int64), flat)


class MixedEncoder:
    """Columns, hashes and statistics of every field of a context.

    A number has a column of the full part (the first 64 numbers) or a cell. The first 16 values of a string's field
    have columns, 64 in all; later ones, and all tags, are hashed. An array of more than 64 numbers is a block. Packing
    changes nothing; `admit` gives columns to what is new, and `kernels.encoding_mixed.observe` updates statistics.

    Args:
        memory: The arena in which the statistics are.
        ids: Names of fields whose values are ids.
        max_bytes: The memory limit of the model.
        has_room: Whether there is memory for so many columns, without and with squares. Once there is not, what is new
            has cells.
    """

    def __init__(
        self,
        memory: Arena,
        ids: Iterable[str],
        max_bytes: int,
        has_room: Callable[[tuple[int, int]], bool] = lambda columns: True,
    ) -> None:
        self._memory, self._id_fields, self.has_room = memory, frozenset(ids), has_room
        self._max_numbers = max(max_bytes // (16 * 8 * arena.NUMBER_WIDTH), 8)
        self._buckets = 1 << (min(arena.DOCUMENT_BUCKETS, max(max_bytes // 512, 16)).bit_length() - 1)
        self._max_bytes = max_bytes
        self._hashes: dict[str, dict[str, int]] = {}  # by field and value
        self._hashed = 0
        self._set({}, {}, {}, {}, 0, 0, False)

    def _set(
        self,
        numbers: dict[str, tuple[int, int]],
        strings: dict[str, dict[str, tuple[int, int, int]]],
        fields: dict[str, int],
        blocks: dict[tuple[str, int], int],
        full: int,
        ignored: int,
        closed: bool,
    ) -> None:
        self._numbers, self._strings, self._fields, self._blocks = numbers, strings, fields, blocks
        self.ignored, self._refused = ignored, RefusedNames()
        self._full, self._closed = full, closed  # numbers that have columns; whether nothing new gets one
        self._hot = sum(map(len, strings.values()))
        self._arrays: dict[int, NDArray[np.int64]] = {}  # integers of array rows whose numbers are all known, by width

    @property
    def version(self) -> tuple[int, ...]:
        """Changes whenever a packed row may."""
        return len(self._numbers), self._hot, len(self._fields), len(self._blocks), self._closed

    @property
    def columns(self) -> tuple[int, int]:
        """Columns of the full part in use, without and with squares."""
        return 1 + self._full + self._hot, 1 + 2 * self._full + self._hot

    def _opens(self, columns: int, squared: int) -> bool:
        """Whether there is room for so many more columns, without and with squares."""
        first, second = self.columns
        self._closed = self._closed or not self.has_room((first + columns, second + squared))
        return not self._closed

    def pack(self, row: Row) -> PackedRow:
        """The packed row."""
        return self._pack(row, False)

    def admit(self, row: Row) -> PackedRow:
        """The packed row, after columns were given to what is new in it."""
        return self._pack(row, True)

    def _pack(self, row: Row, admit: bool) -> PackedRow:
        return self._array(row, admit) if isinstance(row, np.ndarray) else self._parts(row, admit).packed()

    def _parts(self, row: Mapping[str, Value], admit: bool) -> _Parts:
        parts = _Parts()
        for name, value in row.items():
            if isinstance(value, float):
                self._number(name, value, parts, admit)
            elif isinstance(value, Text):
                self._tags(name, _counts(words(value)), parts, admit)
            elif isinstance(value, str):
                self._string(name, value, parts, admit)
            elif isinstance(value, np.ndarray):
                self._long(name, value, parts, admit)
            else:
                self._tags(name, _counts(value) if isinstance(value, list) else value, parts, admit)
        return parts

    def _array(self, row: Vector, admit: bool) -> PackedRow:
        width = row.shape[0]
        if (integers := self._arrays.get(width)) is not None:
            # numba compiles everything anew, for half a minute, for an array that cannot be written
            return PackedRow(integers, row if row.flags.writeable else row.copy())
        parts = _Parts()
        self._long("", row, parts, admit)
        packed = parts.packed()
        if packed.integers[0] == width or packed.integers[kernels.BLOCKS]:
            self._arrays[width] = packed.integers
        return packed

    def _number(self, name: str, value: float, parts: _Parts, admit: bool) -> None:
        known = self._numbers.get(name)
        if known is None and admit:
            known = self._admit_number(name)
        if known is not None:
            parts.numbers += known
            parts.values.append(value)

    def _admit_number(self, name: str) -> tuple[int, int] | None:
        index = len(self._numbers)
        if index >= self._max_numbers:
            self._refuse(name)
            return None
        rows, _ = self._memory.shape(arena.NUMBERS)
        if index >= rows:
            grown = min(max(2 * rows, 8), self._max_numbers)
            self._memory.resize({arena.NUMBERS: Shape(grown, arena.NUMBER_WIDTH)})
        record = self._memory.section(arena.NUMBERS)[index]
        first, squared = self.columns
        has_column = self._full < NUMBER_COLUMNS and self._opens(1, 2)
        record[arena.STRIDE] = 1.0
        record[[arena.COLUMN, arena.COLUMN_SQUARED]] = (first, squared) if has_column else (-1.0, -1.0)
        self._full += has_column
        self._numbers[name] = known = index, self._hash(name, "")
        return known

    def _string(self, name: str, value: str, parts: _Parts, admit: bool) -> None:
        if name in self._id_fields:
            parts.ids.append(self._hash(name, value))
            return
        known = self._strings.get(name, _NONE)
        if (hot := known.get(value)) is not None:
            parts.hot += hot
        elif self._closed or len(known) >= VALUES or self._hot >= STRING_COLUMNS or (admit and not self._opens(1, 1)):
            parts.hashed.append(self._hash(name, value))
        elif admit:
            hot = (*self.columns, self._hash(name, value))
            self._strings.setdefault(name, {})[value] = hot
            self._hot += 1
            parts.hot += hot
        else:
            parts.unseen += 1

    def _tags(self, name: str, counts: Mapping[str, float], parts: _Parts, admit: bool) -> None:
        if not counts:
            return
        index = self._fields.get(name)
        if index is None:
            if not admit and len(self._fields) < TAG_FIELDS:
                return  # nothing is known of it: no weight either
            index = self._admit_field(name)
        parts.fields.append((index, self._hash_all(name, counts), list(counts.values())))

    def _admit_field(self, name: str) -> int:
        """The index of a field's statistics; fields beyond the limit share those of earlier ones."""
        index = len(self._fields)
        if index >= TAG_FIELDS:
            return self._hash(name, "") % TAG_FIELDS
        rows, _ = self._memory.shape(arena.TAGS)
        if index >= rows:
            shapes = {arena.TAGS: Shape(max(2 * rows, 4), arena.TAG_WIDTH)}
            self._memory.resize(shapes | {arena.DOCUMENTS: Shape(1, self._buckets)})
        self._fields[name] = index
        return index

    def _long(self, name: str, array: Vector, parts: _Parts, admit: bool) -> None:
        width = array.shape[0]
        if width <= LONG:
            for i, value in enumerate(array.tolist()):
                self._number(f"{name}[{i}]" if name else str(i), value, parts, admit)
            return
        index = self._blocks.get((name, width))
        if index is None and admit:
            index = self._admit_block(name, width)
        if index is not None:
            parts.blocks.append((index, array))

    def _admit_block(self, name: str, width: int) -> int | None:
        index = len(self._blocks)
        rank = min(width, arena.RANK)
        first = arena.BLOCKS + arena.PER_BLOCK * index
        shapes = {
            first + arena.BASIS: Shape(width, rank),
            first + arena.SKETCH: Shape(width, rank),
            first + arena.ROWS: Shape(4, width),
            first + arena.STATISTICS: Shape(1, arena.STATISTICS_WIDTH),
        }
        coordinates = int(self._memory.layout[arena.COORDINATES]) + rank
        for m in range(int(self._memory.layout[arena.MEMBER_COUNT])):
            section = arena.MEMBERS + arena.PER_MEMBER * m + arena.VECTORS
            shapes[section] = Shape(self._memory.shape(section)[0], 3 * coordinates, 3)
        if index >= arena.MAX_BLOCKS or 8 * self._memory.size_with(shapes) > self._max_bytes // 2:
            self._refuse(name or "the array")
            return None
        self._memory.resize(shapes)
        self._memory.layout[arena.COORDINATES] = coordinates
        blocks.start_block(self._memory.floats, self._memory.layout, index)
        self._blocks[name, width] = index
        return index

    def _refuse(self, name: str) -> None:
        self.ignored += 1
        self._refused.add(name)

    def _hash(self, name: str, value: str) -> int:
        """A hash of 64 bits, as a signed integer."""
        return self._hash_all(name, (value,))[0]

    def _hash_all(self, name: str, values: Collection[str]) -> list[int]:
        """The hashes of several values of a field."""
        known = self._hashes.get(name)
        if known is None or self._hashed > HASHES:
            known = self._known(name)
        try:
            return [known[value] for value in values]
        except KeyError:
            return [self._cached(known, name, value) for value in values]

    def _cached(self, known: dict[str, int], name: str, value: str) -> int:
        found = known.get(value)
        if found is None:
            digest = blake2b(f"{len(name)} {name}={value}".encode(), digest_size=8).digest()
            found = int.from_bytes(digest, "little", signed=True)
            if len(value) <= LONGEST_CACHED:
                known[value] = found
                self._hashed += 1
        return found

    def _known(self, name: str) -> dict[str, int]:
        """The hashes of a field that are cached; all are dropped when there are too many."""
        if self._hashed > HASHES:
            self._hashes.clear()
            self._hashed = 0
        self._hashed += 1
        return self._hashes.setdefault(name, {})

    def findings(self, prefix: str = "") -> list[Finding]:
        """What had no room, was clipped, or never varies; `prefix` precedes the names."""
        names = [prefix + name for name in self._numbers]
        records = self._memory.section(arena.NUMBERS)[: len(names)].reshape(-1, arena.NUMBER_WIDTH)
        constant = [record[arena.COUNT] >= WINDOW and not kernels.varies(record) for record in records]
        found = [_clipped(names[k], int(records[k, arena.OUTSIDE])) for k in np.flatnonzero(records[:, arena.OUTSIDE])]
        found += never_vary([names[k] for k in np.flatnonzero(constant)])
        if self.ignored:
            refused = tuple(prefix + name for name in self._refused.names)
            text = (
                f"there was no memory for new numbers or arrays {self.ignored} times{_listed(refused)}, and nothing is "
                "learned from them; give fewer, or open the store with a policy of larger max_bytes and replay=True"
            )
            found.append(Finding(Reason.FEATURES_WITHOUT_ROOM, self.ignored, refused, text))
        return found

    def state(self) -> State:
        """Names, in the order of their columns; the statistics are in the arena."""
        return {
            "numbers": list(self._numbers),
            "strings": [
                [name, value, *hot[:2]] for name, values in self._strings.items() for value, hot in values.items()
            ],
            "fields": list(self._fields),
            "blocks": [[name, width] for name, width in self._blocks],
            "full": self._full,
            "ignored": self.ignored,
            "closed": self._closed,
        }

    def restore(self, state: State) -> None:
        """Replace the names by those of a `state()`."""
        strings: dict[str, dict[str, tuple[int, int, int]]] = {}
        for name, value, column, squared in state["strings"]:
            strings.setdefault(name, {})[value] = column, squared, self._hash(name, value)
        self._set(
            {name: (index, self._hash(name, "")) for index, name in enumerate(state["numbers"])},
            strings,
            {name: index for index, name in enumerate(state["fields"])},
            {(name, width): index for index, (name, width) in enumerate(state["blocks"])},
            state["full"],
            state["ignored"],
            state["closed"],
        )


def _counts(tags: Sequence[str]) -> Mapping[str, float]:
    """How often each tag occurs."""
    once = dict.fromkeys(tags, 1.0)
    return once if len(once) == len(tags) else {tag: float(count) for tag, count in Counter(tags).items()}


def _clipped(name: str, count: int) -> Finding:
    text = (
        f"'{name}' had {count} value{'s' * (count > 1)} far outside of its usual ones (a sentinel such as 999999, or "
        "another unit); they were learned as the nearest usual value: leave them out if they mean that nothing is known"
    )
    return Finding(Reason.FAR_VALUES, count, (name,), text)


def _listed(names: tuple[str, ...]) -> str:
    return f" ({listed(names)})" if names else ""


_NONE: dict[str, Any] = {}

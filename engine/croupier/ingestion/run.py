"""Files into a store: every row kept or rejected for a reason, any number of times with the same end."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from croupier.engine import Engine
from croupier.errors import Conflict, InputError
from croupier.ingestion.mapping import Mapping, Robots
from croupier.ingestion.reading import Read, Row, rows
from croupier.ingestion.rows import Behaved, Converter, Rejected
from croupier.log.reader import batches

Progress = Callable[[int, int], None]
BATCH = 500  # rows whose keys are looked up at once


@dataclass
class Ingested:
    """What became of the rows. `rows == kept + sum(rejected.values())`, always.

    Attributes:
        rows: Read.
        kept: Of them, are in the log.
        added: Of those, were not there before.
        rejected: The others, by reason.
    """

    rows: int = 0
    kept: int = 0
    added: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """The finding in a few lines."""
        lines = [f"{self.rows} rows: {self.kept} kept ({self.added} new), {self.rejected.total()} rejected"]
        return "\n".join(lines + [f"  {count:>9} {reason}" for reason, count in self.rejected.most_common()])


def ingest(
    engine: Engine,
    files: Sequence[str | Path],
    mapping: Any,
    *,
    rejected: Path | None = None,
    progress: Progress | None = None,
) -> Ingested:
    """Read files of behaviour into a store, as observations in the order of the files.

    A row is known by a key made from what it says, so what is in the store already is passed over: run it again to
    take up where it was killed, or for nothing at all. Which rows are rejected follows from the files and the mapping
    alone; the table of them is written anew each time, and put in its place when it is whole.

    Args:
        engine: Of the store.
        files: CSV, JSON lines or Parquet.
        mapping: A `Mapping`, or the plain data of one.
        rejected: A file of JSON lines for the rejected rows: file, row, reason, what the row says.
        progress: Called with (bytes read, bytes to read) now and then.

    Raises:
        InputError: A file or the mapping cannot be what was meant; what was read before stays.

    One hash per row is held in memory, and with a rule for robots one count per unit and stretch of time.
    """
    made, paths = Mapping.of(mapping), [Path(file) for file in files]
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        raise InputError(f"two files have one name, by which their rows would be told apart: {sorted(names)}")
    if absent := [str(path) for path in paths if not path.is_file()]:
        raise InputError(f"there are no files {absent}")
    passes = 1 if made.robots is None else 2
    count = _Count(sum(path.stat().st_size for path in paths) * passes, progress)
    robots = set[str]() if made.robots is None else _robots(paths, made, made.robots, count.read)
    result = Ingested()
    with _aside(rejected) as table:
        for batch in batches(_converted(paths, made, count.read), BATCH):
            there = engine.used_keys([said.key for _, _, said in batch if isinstance(said, Behaved)])
            for path, row, said in batch:
                result.rows += 1
                try:
                    key = _kept(engine, said, robots)
                except Rejected as rejection:
                    result.rejected[rejection.reason] += 1
                    table(path.name, row, rejection)
                else:
                    result.kept += 1
                    result.added += key not in there
                    there.add(key)
    engine.flush()
    return result


def _converted(paths: Sequence[Path], mapping: Mapping, read: Read) -> Iterator[tuple[Path, Row, Behaved | Rejected]]:
    """Every row of every file with what it says, or why it is rejected."""
    converter = Converter(mapping)
    for path in paths:
        for row in rows(path, mapping, read):
            try:
                yield path, row, converter.convert(row, path.name)
            except Rejected as rejection:
                yield path, row, rejection


def _robots(paths: Sequence[Path], mapping: Mapping, rate: Robots, read: Read) -> set[str]:
    """The units that are faster than people."""
    counts: Counter[tuple[str, int]] = Counter()
    for _, _, said in _converted(paths, mapping, read):
        if isinstance(said, Behaved) and said.unit is not None:
            counts[said.unit, int(said.at // rate.seconds)] += 1
    return {unit for (unit, _), count in counts.items() if count > rate.events}


def _kept(engine: Engine, said: Behaved | Rejected, robots: set[str]) -> str:
    """Put an observation into the log, if it is not there; its key. Raises Rejected if it has no place there."""
    if isinstance(said, Rejected):
        raise said
    if said.unit in robots:
        raise Rejected("robot")
    try:
        engine.observe(said.unit, said.kind, said.item, key=said.key, at=said.at, **said.attributes)
    except Conflict as error:
        raise Rejected("another row's key", str(error)) from error
    except InputError as error:
        raise Rejected("refused", str(error)) from error
    return said.key


class _Count:
    """Bytes read so far, told from time to time."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.told, self.progress = 0, total, 0, progress

    def read(self, size: int) -> None:
        self.done += size
        if self.progress is not None and (self.done - self.told > 1 << 16 or self.done == self.total):
            self.told = self.done
            self.progress(self.done, self.total)


@contextmanager
def _aside(file: Path | None) -> Iterator[Callable[[str, Row, Rejected], None]]:
    """A table of rejected rows, in its place only when it is whole."""
    if file is None:
        yield lambda name, row, rejection: None
        return
    part = file.with_name(file.name + ".part")
    with part.open("wb") as opened:
        yield lambda name, row, rejection: _write(opened, name, row, rejection)
    os.replace(part, file)


def _write(opened: IO[bytes], name: str, row: Row, rejection: Rejected) -> None:
    said = {"file": name, "row": row.number, "reason": rejection.reason, "why": rejection.why, "said": row.said}
    try:
        line = orjson.dumps(said)
    except (orjson.JSONEncodeError, TypeError):  # bytes that are no text, kept as escapes
        line = orjson.dumps({**said, "said": ascii(row.said)})
    opened.write(line + b"\n")

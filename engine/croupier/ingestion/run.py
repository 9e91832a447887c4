"""Ingestion of files into a store: every row is kept, or rejected for one reason; it may be repeated."""

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
from croupier.evaluation.datasets.delimited import BytesRead
from croupier.ingestion.mapping import Mapping, Robots
from croupier.ingestion.reading import Row, rows
from croupier.ingestion.rows import Converter, ObservationRow, RowRejected
from croupier.log.files import private_file
from croupier.log.reader import batches

Progress = Callable[[int, int], None]
BATCH = 500  # rows whose keys are looked up in one query


@dataclass
class IngestionCounts:
    """Counts of rows; `rows == kept + sum(rejected.values())` always holds.

    Attributes:
        rows: Rows read.
        kept: Rows that are in the log.
        added: Rows of those that were not in the log before.
        rejected: Rows rejected, by reason.
    """

    rows: int = 0
    kept: int = 0
    added: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """The counts in a few lines of text."""
        lines = [f"{self.rows} rows: {self.kept} kept ({self.added} new), {self.rejected.total()} rejected"]
        return "\n".join(lines + [f"  {count:>9} {reason}" for reason, count in self.rejected.most_common()])


def ingest(
    engine: Engine,
    files: Sequence[str | Path],
    mapping: Any,
    *,
    rejected: Path | None = None,
    progress: Progress | None = None,
) -> IngestionCounts:
    """Ingest event logs into a store, as observations in the order of the files.

    A row is identified by a key that by default is a hash of its content, and rows already in the store are skipped: a
    run that was interrupted is resumed by repeating it. Which rows are rejected depends only on the files and the
    mapping; their file is rewritten in every run, and replaced when it is complete.

    One hash per row is held in memory, and with a rate limit for robots one count per unit and interval.

    Args:
        engine: Engine of the store.
        files: CSV, JSON lines or Parquet files.
        mapping: A `Mapping`, or the plain data of one.
        rejected: A JSON lines file for the rejected rows: file, row, reason, detail, values.
        progress: Called periodically with (bytes read, bytes in total).

    Returns:
        The counts of rows read, kept, added and rejected.

    Raises:
        InputError: Invalid file or mapping; rows ingested before the error stay in the log.
    """
    parsed, paths = Mapping.of(mapping), [Path(file) for file in files]
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        raise InputError(
            f"two files have the same name, so keys of their rows could collide; rename one of {sorted(names)}"
        )
    if missing := [str(path) for path in paths if not path.is_file()]:
        raise InputError(f"files not found: {missing}")
    passes = 1 if parsed.robots is None else 2
    counter = _ByteCounter(sum(path.stat().st_size for path in paths) * passes, progress)
    robots = set[str]() if parsed.robots is None else _robots(paths, parsed, parsed.robots, counter.read)
    result = IngestionCounts()
    with _rejected_rows(rejected) as write_rejected:
        for batch in batches(_converted(paths, parsed, counter.read), BATCH):
            known = engine.used_keys(
                [observation.key for _, _, observation in batch if isinstance(observation, ObservationRow)]
            )
            for path, row, observation in batch:
                result.rows += 1
                try:
                    key = _store(engine, observation, robots)
                except RowRejected as rejection:
                    result.rejected[rejection.reason] += 1
                    write_rejected(path.name, row, rejection)
                else:
                    result.kept += 1
                    result.added += key not in known
                    known.add(key)
    engine.flush()
    return result


def _converted(
    paths: Sequence[Path], mapping: Mapping, read: BytesRead
) -> Iterator[tuple[Path, Row, ObservationRow | RowRejected]]:
    """Every row of every file with its observation, or its rejection."""
    converter = Converter(mapping)
    for path in paths:
        for row in rows(path, mapping, read):
            try:
                yield path, row, converter.convert(row, path.name)
            except RowRejected as rejection:
                yield path, row, rejection


def _robots(paths: Sequence[Path], mapping: Mapping, rate: Robots, read: BytesRead) -> set[str]:
    """The units that exceed the rate limit in some interval."""
    counts: Counter[tuple[str, int]] = Counter()
    for _, _, observation in _converted(paths, mapping, read):
        if isinstance(observation, ObservationRow) and observation.unit is not None:
            counts[observation.unit, int(observation.at // rate.seconds)] += 1
    return {unit for (unit, _), count in counts.items() if count > rate.events}


def _store(engine: Engine, observation: ObservationRow | RowRejected, robots: set[str]) -> str:
    """Append an observation to the log unless it is there already; returns its key. Raises RowRejected."""
    if isinstance(observation, RowRejected):
        raise observation
    if observation.unit in robots:
        raise RowRejected("robot")
    try:
        engine.observe(
            observation.unit,
            observation.kind,
            observation.item,
            key=observation.key,
            at=observation.at,
            **observation.attributes,
        )
    except Conflict as error:
        raise RowRejected("key conflict", str(error)) from error
    except InputError as error:
        raise RowRejected("invalid observation", str(error)) from error
    return observation.key


class _ByteCounter:
    """Counts the bytes read, and reports them periodically."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.reported, self.progress = 0, total, 0, progress

    def read(self, size: int) -> None:
        self.done += size
        if self.progress is not None and (self.done - self.reported > 1 << 16 or self.done == self.total):
            self.reported = self.done
            self.progress(self.done, self.total)


@contextmanager
def _rejected_rows(file: Path | None) -> Iterator[Callable[[str, Row, RowRejected], None]]:
    """A writer of rejected rows, whose file replaces an older one only when it is complete."""
    if file is None:
        yield lambda name, row, rejection: None
        return
    partial = file.with_name(file.name + ".part")
    with private_file(partial) as opened:
        yield lambda name, row, rejection: _write_rejected(opened, name, row, rejection)
    os.replace(partial, file)


def _write_rejected(opened: IO[bytes], name: str, row: Row, rejection: RowRejected) -> None:
    record = {
        "file": name,
        "row": row.number,
        "reason": rejection.reason,
        "detail": rejection.detail,
        "values": row.values,
    }
    try:
        line = orjson.dumps(record)
    except (orjson.JSONEncodeError, TypeError):  # bytes that are not valid text are kept as escapes
        line = orjson.dumps({**record, "values": ascii(row.values)})
    opened.write(line + b"\n")

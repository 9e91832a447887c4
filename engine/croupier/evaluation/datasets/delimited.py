"""Files of delimited text, of which the encoding, the delimiter and the header are found or given."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from croupier.errors import InputError, UnreadableFile

SAMPLE = 1 << 18  # bytes from which the encoding and the delimiter are found
DELIMITERS = ("::", "\t", ";", ",", "|")
NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t"}
MARKS = (  # UTF-32 first: the mark of UTF-16 is the beginning of its mark
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MAX_BAD_SHARE = 0.01  # of lines that are not text: above it the encoding is wrong, below it the line
MAX_JOINED = 1000  # lines of one row, with line breaks within quotes

FIELDS = "malformed: a different number of fields than the header"
_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")
_NOT_DECODED = re.compile("[\udc80-\udcff\ufffd]")

BytesRead = Callable[[int], None]  # called with the number of bytes read


@dataclass(frozen=True)
class TextFormat:
    """What is known of a file of delimited text; what is None is found from its beginning.

    Attributes:
        encoding: The name of its encoding, such as "latin-1".
        delimiter: What separates the fields of a line.
        header: The names of the columns, in order, where the file has no header line.

    Raises:
        InputError: The encoding does not exist, the delimiter cannot be one, or a name occurs twice.
    """

    encoding: str | None = None
    delimiter: str | None = None
    header: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.encoding is not None:
            _check_encoding(self.encoding)
        delimiter = self.delimiter
        if delimiter is not None:
            delimiter = NAMED_DELIMITERS.get(delimiter, delimiter)
            if not delimiter or set(delimiter) & set('"\r\n'):
                raise InputError(f"{self.delimiter!r} cannot be a delimiter; give for example ';', 'tab' or '::'")
            object.__setattr__(self, "delimiter", delimiter)
        if self.header is not None and (isinstance(self.header, str) or len(set(self.header)) < len(self.header)):
            raise InputError(f"header names every column once, in order, not {self.header!r}")


class TextRow(NamedTuple):
    """A row of a file.

    Attributes:
        line: The number of its first line, from 1.
        cells: Its fields.
        problem: Why it is malformed; None where it is not.
    """

    line: int
    cells: list[str]
    problem: str | None = None


class DelimitedText:
    """A file of delimited text. A byte-order mark is skipped; a line that cannot be read is a row with a problem.

    Args:
        path: The path of the file.
        given: What is known of its format.
        known: Names by which a header line is recognised; any case.
        option: How the user gives what was not found, for messages; {} is the encoding or the header.

    Attributes:
        encoding: The encoding.
        delimiter: The delimiter.
        header: The names of the columns.

    Raises:
        UnreadableFile: The file cannot be opened or is not text, or its encoding or header must be given.
        InputError: The encoding does not exist.
    """

    def __init__(
        self,
        path: str | Path,
        given: TextFormat | None = None,
        known: Collection[str] = (),
        option: str = "--{}",
    ) -> None:
        self.path, given, self._option = Path(path), given or TextFormat(), option
        try:
            with self.path.open("rb") as file:
                sample = file.read(SAMPLE)
                whole = not file.read(1)
        except OSError as error:
            raise UnreadableFile(f"cannot read {path}: {error.strerror or error}") from error
        self.encoding = "utf-8"
        self.encoding = self._encoding(sample, whole, given.encoding)
        lines = _sample_lines(sample, self.encoding, whole)
        declared = re.fullmatch(r"sep=(.)", lines[0]) if lines else None  # a line that spreadsheets write
        self._skip = 0 if declared is None else 1
        lines = [line for line in lines[self._skip :] if line.strip()]
        if not lines:
            raise UnreadableFile(f"{path} is empty: it has no header and no rows")
        found = declared[1] if declared is not None else find_delimiter(lines)
        self.delimiter = given.delimiter or found
        first = [name.strip() for name in _split(lines[0], self.delimiter)]
        names = None if given.header is None else list(given.header)
        if names is None:
            self._check_header(first, known)
        self._has_header = names is None or [cell.lower() for cell in first] == [name.lower() for name in names]
        self.header = first if names is None else names

    def _encoding(self, sample: bytes, whole: bool, given: str | None) -> str:
        marked = next((encoding for mark, encoding in MARKS if sample.startswith(mark)), None)
        if given is not None or marked is not None:
            encoding = given or marked or ""
            return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        if zeros := sample.count(0):
            first, second = sample[::2].count(0), sample[1::2].count(0)  # of each pair of bytes
            if max(first, second) >= len(sample) // 5 and min(first, second) < zeros // 20 + 1:
                return "utf-16-le" if second > first else "utf-16-be"
            if zeros > MAX_BAD_SHARE * len(sample) or b"\0" in sample.partition(b"\n")[0]:
                raise UnreadableFile(f"{self.path} is not text: {zeros:,} of its bytes are zero; convert it to CSV")
        bad, total, first = _not_text(_sample_lines(sample, "utf-8", whole))
        self._refuse_encoding(bad, total - 1, first)  # the first line is the header
        return "utf-8-sig"

    def _refuse_encoding(self, bad: int, total: int, first: int) -> None:
        """Raises UnreadableFile where so many lines are not text that the encoding must be another one."""
        if bad and (bad >= total or (bad > 1 and bad > MAX_BAD_SHARE * total)):
            encoding = self.encoding.removesuffix("-sig").upper()
            raise UnreadableFile(
                f"{self.path} is not text in {encoding}: {bad:,} of {total:,} lines are not, line {first:,} first; "
                f"give its encoding, for example encoding=latin-1 or cp1252 ({self._option.format('encoding')})"
            )

    def _check_header(self, first: Sequence[str], known: Collection[str]) -> None:
        """Raises UnreadableFile where the first line holds values."""
        if {cell.partition(":")[0].strip().lower() for cell in first} & {name.lower() for name in known}:
            return
        if any(_NUMBER.fullmatch(cell) for cell in first):
            some = ", ".join(first[:4]) + (" …" if len(first) > 4 else "")
            raise UnreadableFile(
                f"{self.path} has no header: its first line holds values ({some}); give the names of its {len(first)} "
                f"columns in order, header=NAME,NAME,… ({self._option.format('header')})"
            )

    def describe(self) -> str:
        """The format, for messages."""
        delimiter = {"\t": "tab"}.get(self.delimiter, repr(self.delimiter))
        return f"read as {self.encoding.removesuffix('-sig')} with the delimiter {delimiter}"

    def rows(self, read: BytesRead | None = None) -> Iterator[TextRow]:
        """The rows after the header, in the order of the file.

        Args:
            read: Called with the number of bytes read, now and then.

        Raises:
            UnreadableFile: The file cannot be read, or too many of its lines are not text in its encoding.
        """
        bad, total, first = 0, 0, 0
        width, header, not_decoded = len(self.header), self._has_header, self._not_decoded
        try:
            for row in _records(self._lines(read), self.delimiter):
                if header:
                    header = False
                    continue
                total += 1
                if row.problem is None and len(row.cells) != width:
                    yield row._replace(problem=FIELDS)
                    continue
                if row.problem == not_decoded:
                    bad, first = bad + 1, first or row.line
                yield row
        except OSError as error:
            raise UnreadableFile(f"cannot read {self.path}: {error.strerror or error}") from error
        self._refuse_encoding(bad, total, first)

    @property
    def _not_decoded(self) -> str:
        return f"malformed: not text in {self.encoding.removesuffix('-sig')}"

    def _lines(self, read: BytesRead | None) -> Iterator[tuple[int, str, str | None]]:
        """Number, text and problem of every line."""
        # UTF-8 keeps its bad bytes apart from those of the text, so that they can be shown; other decoders cannot.
        errors = "surrogateescape" if self.encoding == "utf-8-sig" else "replace"
        with self.path.open("rb") as binary:
            text, done = io.TextIOWrapper(binary, self.encoding, errors, newline=""), 0
            for number, line in enumerate(text, 1):
                if read is not None and (position := binary.tell()) != done:
                    read(position - done)
                    done = position
                if number > self._skip and line.strip("\r\n"):
                    bad = not line.isascii() and _NOT_DECODED.search(line) is not None
                    yield number, line.removeprefix("\ufeff"), self._not_decoded if bad else None


def find_delimiter(lines: Sequence[str]) -> str:
    """The delimiter that splits the first line into most fields, and the next ones into as many.

    >>> find_delimiter(["user;item;rating", "a,1;b;3"]), find_delimiter(["u1::i1::5"]), find_delimiter(["reward"])
    (';', '::', ',')
    """
    best, most = ",", (0.0, 1)
    head = lines[:50]
    for delimiter in DELIMITERS:
        counts = [len(_split(line, delimiter)) for line in head]
        alike = sum(count == counts[0] for count in counts) / len(counts)
        if counts[0] > 1 and (round(alike, 1), counts[0]) > most:
            best, most = delimiter, (round(alike, 1), counts[0])
    return best


def _check_encoding(encoding: str) -> None:
    try:
        "".encode(encoding)
        codecs.lookup(encoding)
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(f"there is no encoding {encoding!r}; give for example utf-8, latin-1 or utf-16") from error


def _sample_lines(sample: bytes, encoding: str, whole: bool) -> list[str]:
    """The lines of a sample, without a last one that may have been cut."""
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    lines = sample.decode(encoding, errors).removeprefix("\ufeff").splitlines()
    return lines if whole or len(lines) < 2 else lines[:-1]


def _not_text(lines: Sequence[str]) -> tuple[int, int, int]:
    """The number of lines that are not text, of all lines, and the number of the first."""
    bad = [k for k, line in enumerate(lines, 1) if not line.isascii() and _NOT_DECODED.search(line)]
    return len(bad), len(lines), bad[0] if bad else 0


def _split(line: str, delimiter: str) -> list[str]:
    """The fields of one line; a line with a stray quote as it stands."""
    found = _parse(line, delimiter)
    return line.rstrip("\r\n").split(delimiter) if isinstance(found, str) or found is None else found


def _parse(line: str, delimiter: str) -> list[str] | str | None:
    """The fields of a row; None where a quoted field is still open at its end; or what is wrong."""
    if '"' not in line or len(delimiter) > 1:
        return line.rstrip("\r\n").split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return None if "unexpected end" in str(error) else str(error)


def _records(lines: Iterator[tuple[int, str, str | None]], delimiter: str) -> Iterator[TextRow]:
    """Rows from lines. A quote that is not closed spoils its own line, and not those that follow."""
    waiting: deque[tuple[int, str, str | None]] = deque()
    while (line := _next(waiting, lines)) is not None:
        number, text, problem = line
        if '"' not in text or len(delimiter) > 1:  # most lines
            yield TextRow(number, text.rstrip("\r\n").split(delimiter), problem)
            continue
        found = _parse(text, delimiter)
        joined: list[tuple[int, str, str | None]] = []
        while found is None and len(joined) < MAX_JOINED and (more := _next(waiting, lines)) is not None:
            joined.append(more)
            text += more[1]
            found = _parse(text, delimiter) if '"' in more[1] else None
        if isinstance(found, list):
            yield TextRow(number, found, problem or next((each[2] for each in joined if each[2]), None))
            continue
        waiting.extendleft(reversed(joined))
        detail = "a quote is not closed" if found is None else found
        yield TextRow(number, line[1].rstrip("\r\n").split(delimiter), problem or f"malformed: {detail}")


def _next(
    waiting: deque[tuple[int, str, str | None]], lines: Iterator[tuple[int, str, str | None]]
) -> tuple[int, str, str | None] | None:
    return waiting.popleft() if waiting else next(lines, None)


def duplicates(names: Sequence[str]) -> set[str]:
    """The names that occur more than once.

    >>> duplicates(["reward", "x", "reward"])
    {'reward'}
    """
    return {name for name, count in Counter(names).items() if count > 1}

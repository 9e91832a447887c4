"""What `mutants` tries: the table of modules and tests, what is not worth mutating, the sample, what is explained.

Nothing here needs the mutation tester; `mutants_sites` asks it where mutants are.
"""

from __future__ import annotations

import ast
import difflib
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

Position = tuple[int, int]  # line from 1, column from 0, in characters

#: Decorators that change when or how fast a function runs, never what it returns, or that only type checkers read.
NEUTRAL_DECORATORS = {
    "njit",
    "jit",
    "vectorize",
    "lru_cache",
    "cache",
    "override",
    "final",
    "overload",
    "abstractmethod",
}


class PlanError(ValueError):
    """The table of modules cannot be used."""


class Module(NamedTuple):
    """A module to mutate.

    Attributes:
        path: Of its file, from the root of the checkout.
        tests: Arguments of pytest, the nearest and fastest first.
        jit: Whether numba compiles: needed only where the tests are slower without. Never for a module with kernels,
            since numba's cache would give their callers in other files the code from before the mutation.
    """

    path: str
    tests: tuple[str, ...]
    jit: bool = False


class Identity(NamedTuple):
    """What a mutant is, wherever in its function it stands; equal changes of equal lines of a function are one.

    Attributes:
        path: Of the file.
        function: Its qualified name within the file; "<module>" outside of all.
        operator: Of the mutation tester.
        before: The lines that change, without indentation.
        after: What they change to; empty where they are removed.
    """

    path: str
    function: str
    operator: str
    before: str
    after: str


class Plan(NamedTuple):
    """The contents of the table.

    Attributes:
        roots: Folders from which packages are imported.
        modules: In the order of the table.
        explained: Mutants that no test can or should kill, with the reason.
    """

    roots: tuple[str, ...]
    modules: tuple[Module, ...]
    explained: Mapping[Identity, str]


class Site(NamedTuple):
    """A place where an operator applies.

    Attributes:
        path: Of the file.
        function: As in `Identity`.
        operator: Its name.
        line: The first line there, without indentation.
        nth: Of the operator's places with this line in this function, from 0.
        occurrence: Of the operator's places in the file, from 0: how the mutation tester counts.
    """

    path: str
    function: str
    operator: str
    line: str
    nth: int
    occurrence: int


class Mutant(NamedTuple):
    """A site and the source with the mutation made."""

    site: Site
    identity: Identity
    code: str
    diff: str

    @property
    def key(self) -> str:
        """Equal for equal files: a result is good for as long as the file around the mutation stays as it is."""
        return blake2b(f"{self.site.path}\0{self.code}".encode(), digest_size=16).hexdigest()


def read_plan(path: Path) -> Plan:
    """Read the table.

    Raises:
        PlanError: An entry lacks a field or has one that is not known, or names something twice.
    """
    table = tomllib.loads(path.read_text())
    _only(table, {"roots", "module", "explained"}, "the table")
    modules = [_module(entry) for entry in table.get("module", [])]
    if len({module.path for module in modules}) != len(modules):
        raise PlanError("a module is in the table twice")
    explained: dict[Identity, str] = {}
    for entry in table.get("explained", []):
        _only(entry, {*Identity._fields, "reason"}, "an explained mutant")
        missing = {*Identity._fields, "reason"} - {name for name, value in entry.items() if value or name == "after"}
        if missing:
            raise PlanError(f"an explained mutant of {entry.get('path')} lacks {', '.join(sorted(missing))}")
        explained[Identity(*(lines(entry[name]) for name in Identity._fields))] = entry["reason"]
    return Plan(tuple(table.get("roots", [])), tuple(modules), explained)


def _module(entry: Mapping[str, object]) -> Module:
    _only(entry, set(Module._fields), "a module")
    path, tests = entry.get("path"), entry.get("tests")
    if not isinstance(path, str) or not isinstance(tests, list) or not tests:
        raise PlanError(f"a module needs a path and a list of tests: {dict(entry)}")
    return Module(path, tuple(tests), bool(entry.get("jit", False)))


def _only(entry: Mapping[str, object], known: set[str], what: str) -> None:
    if unknown := set(entry) - known:
        raise PlanError(
            f"{what} has the unknown field {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}"
        )


def lines(text: str) -> str:
    """Lines without indentation, blank ones and runs of spaces: what an identity compares."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())


def identity(site: Site, before: str, after: str) -> tuple[Identity, str]:
    """What changes between two sources: the identity, and the difference to be read."""
    old, new = before.splitlines(), after.splitlines()
    diff = list(difflib.unified_diff(old, new, f"a/{site.path}", f"b/{site.path}", lineterm="", n=2))
    removed, added = (lines("\n".join(line[1:] for line in diff[2:] if line.startswith(sign))) for sign in ("-", "+"))
    return Identity(site.path, site.function, site.operator, removed, added), "\n".join(diff)


class Scopes:
    r"""What a source says of its own places: the function around each, and whether a mutation there can matter.

    Args:
        source: Of a module.

    >>> scopes = Scopes("def f(x: int | None) -> int:\n    return x + 1\n")
    >>> scopes.function(2), scopes.spared((1, 13)), scopes.spared((2, 13))
    ('f', True, False)
    """

    def __init__(self, source: str) -> None:
        self._lines = source.splitlines()
        self._functions: list[tuple[int, int, str]] = []
        self._spared: list[tuple[Position, Position]] = []
        self._names(ast.parse(source), "")

    def function(self, row: int) -> str:
        """The qualified name of the innermost function or class around a line."""
        around = [(end - start, name) for start, end, name in self._functions if start <= row <= end]
        return min(around)[1] if around else "<module>"

    def line(self, row: int) -> str:
        """The line, without indentation."""
        return self._lines[row - 1].strip()

    def spared(self, place: Position) -> bool:
        """Whether no mutation there changes what runs.

        So it is in annotations, aliases of types, `__all__`, blocks that only type checkers read, and decorators that
        only make a function faster.
        """
        return any(start <= place < end for start, end in self._spared)

    def _names(self, node: ast.AST, outer: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = outer
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{outer}.{child.name}".lstrip(".")
                first = min((each.lineno for each in child.decorator_list), default=child.lineno)
                self._functions.append((first, child.end_lineno or child.lineno, name))
            for spared in _neutral(child, at_top=isinstance(node, ast.Module)):
                self._spare(spared)
            self._names(child, name)

    def _spare(self, node: ast.expr | ast.stmt) -> None:
        start, end = self._place(node.lineno, node.col_offset), self._place(node.end_lineno, node.end_col_offset)
        if self._lines[start[0] - 1].lstrip().startswith("@"):
            start = start[0], 0  # a decorator begins at its sign
        self._spared.append((start, end))

    def _place(self, row: int | None, offset: int | None) -> Position:
        """A place in characters; the syntax tree counts bytes."""
        return row or 1, len(self._lines[(row or 1) - 1].encode()[: offset or 0].decode())


def _neutral(node: ast.AST, at_top: bool) -> Iterator[ast.expr | ast.stmt]:
    """The parts of a node in which no mutation changes what runs."""
    if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
        yield node.annotation
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from (each for each in node.decorator_list if _last_name(each) in NEUTRAL_DECORATORS)
        if node.returns is not None:
            yield node.returns
    elif (isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING") or (
        isinstance(node, ast.Assign) and at_top and (_is_export(node) or _is_alias(node.value))
    ):
        yield node


def _is_export(node: ast.Assign) -> bool:
    return any(_last_name(target) == "__all__" for target in node.targets)


def _is_alias(value: ast.expr) -> bool:
    """Whether it is built of names, subscripts and unions only, as types are."""
    kinds = (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.BitOr, ast.Tuple, ast.List, ast.Constant, ast.Load)
    return isinstance(value, ast.Subscript | ast.BinOp) and all(isinstance(each, kinds) for each in ast.walk(value))


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def numbered(places: Iterable[tuple[str, int, Position]], path: str, scopes: Scopes) -> list[Site]:
    """The sites at (operator, occurrence, place), in order of place, less those that are spared."""
    seen: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    sites = []
    for operator, occurrence, place in places:
        if not scopes.spared(place):
            function, line = scopes.function(place[0]), scopes.line(place[0])
            sites.append(Site(path, function, operator, line, seen[function, operator, line], occurrence))
            seen[function, operator, line] += 1
    return sites


def quotas(counts: Sequence[int], sample: int) -> list[int]:
    """How many of each to take, in proportion, `sample` in all: by largest remainders, of equal ones the first.

    >>> quotas([10, 25, 5], 8), quotas([1, 2], 10)
    ([2, 5, 1], [1, 2])
    """
    total = sum(counts)
    if total <= sample:
        return list(counts)
    taken = [count * sample // total for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda k: (-(counts[k] * sample % total), k))
    for k in by_remainder[: sample - sum(taken)]:
        taken[k] += 1
    return taken


def ranked(sites: Iterable[Site], seed: int) -> list[Site]:
    """A random order that belongs to the seed, in which a site's rank depends on nothing but what it is.

    So a line that is added to a module leaves the sample of the others as it was.
    """

    def rank(site: Site) -> bytes:
        return blake2b(repr((seed, *site[:-1])).encode(), digest_size=16).digest()

    return sorted(sites, key=rank)

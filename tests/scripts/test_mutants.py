from __future__ import annotations

from pathlib import Path

import pytest

from proofs.mutants_plan import Identity, PlanError, Scopes, Site, identity, lines, numbered, quotas, ranked, read_plan

SOURCE = """\
from typing import TYPE_CHECKING
from numba import njit

__all__ = ["f"] + []
Alias = dict[str, int | None]
if TYPE_CHECKING:
    from x import y as z; a = 1 + 1

@njit(cache=True)
def f(é: int | None = 1 + 1) -> int | None:
    b: int | str = 2 + 2
    return é - b

class C:
    @property
    def p(self):
        return 1 + 1
"""
TABLE = """
roots = ["engine"]
[[module]]
path = "engine/a.py"
tests = ["tests/test_a.py"]
[[explained]]
path = "engine/a.py"
function = "f"
operator = "Swap"
before = "return a + b"
after = "return b + a"
reason = "addition commutes"
"""


def places(sign: str) -> list[tuple[int, int]]:
    """Where a sign stands, in characters."""
    rows = enumerate(SOURCE.splitlines(), 1)
    return [(row, column) for row, text in rows for column, letter in enumerate(text) if letter == sign]


def some(count: int) -> list[Site]:
    return [Site("a.py", "f", "Swap", f"x = {k}", 0, k) for k in range(count)]


def plan(tmp_path: Path, text: str) -> Path:
    (tmp_path / "mutants.toml").write_text(text)
    return tmp_path / "mutants.toml"


def test_what_does_not_run_is_spared() -> None:
    scopes = Scopes(SOURCE)
    assert [row for row, column in places("|") if not scopes.spared((row, column))] == []
    assert [row for row, column in places("+") if not scopes.spared((row, column))] == [10, 11, 17]
    assert [row for row, column in places("@") if not scopes.spared((row, column))] == [15]


def test_sites_are_named_by_function_and_line_and_told_apart_by_number() -> None:
    scopes = Scopes(SOURCE)
    found = numbered(
        [("Swap", k, place) for k, place in enumerate([(4, 14), (10, 22), (12, 13), (17, 17), (17, 17)])],
        "a.py",
        scopes,
    )
    assert [(site.function, site.nth, site.occurrence) for site in found] == [
        ("f", 0, 1),
        ("f", 0, 2),
        ("C.p", 0, 3),
        ("C.p", 1, 4),
    ]
    assert found[1].line == "return é - b"


def test_the_sample_is_in_proportion_and_of_the_size_that_was_asked_for() -> None:
    assert quotas([100, 200, 700], 10) == [1, 2, 7]
    counts = [3, 0, 58, 1, 192, 20]
    assert sum(quotas(counts, 100)) == 100
    assert all(
        abs(taken - count * 100 / sum(counts)) < 1 for taken, count in zip(quotas(counts, 100), counts, strict=True)
    )


def test_the_order_belongs_to_the_seed_and_survives_what_is_added() -> None:
    sites = some(40)
    assert ranked(sites, 3) == ranked(reversed(sites), 3) != ranked(sites, 4)
    fewer = [site for site in ranked(sites, 3) if site.line != "x = 7"]
    moved = [site._replace(occurrence=site.occurrence + 5) for site in sites if site.line != "x = 7"]
    assert [site.line for site in ranked(moved, 3)] == [site.line for site in fewer]


def test_a_mutant_is_explained_wherever_its_function_moves_to(tmp_path: Path) -> None:
    explained = read_plan(plan(tmp_path, TABLE)).explained
    before = "def f(a, b):\n    return a + b\n"
    site = Site("engine/a.py", "f", "Swap", "return a + b", 0, 0)
    found, diff = identity(site, before, before.replace("a + b", "b  +  a"))
    assert explained[found] == "addition commutes"
    assert diff.splitlines()[-2:] == ["-    return a + b", "+    return b  +  a"]
    later, _ = identity(site, "x = 1\n" + before, "x = 1\n" + before.replace("a + b", "b + a"))
    assert later in explained
    other, _ = identity(site, before, before.replace("a + b", "a - b"))
    assert other not in explained


def test_a_removed_line_leaves_nothing_behind() -> None:
    found, _ = identity(Site("a.py", "f", "Remove", "@property", 0, 0), "@property\ndef f(): pass\n", "def f(): pass\n")
    assert found == Identity("a.py", "f", "Remove", "@property", "")
    assert lines("  a  =  1 \n\n\tb") == "a = 1\nb"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE.replace("addition commutes", ""), "lacks reason"),
        (TABLE.replace("operator =", "operators ="), "unknown field operators"),
        (TABLE.replace('tests = ["tests/test_a.py"]', "tests = []"), "a list of tests"),
        (TABLE + '[[module]]\npath = "engine/a.py"\ntests = ["b"]\n', "twice"),
    ],
)
def test_tables_that_cannot_be_meant_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        read_plan(plan(tmp_path, text))


def test_every_file_and_test_of_our_own_table_is_there() -> None:
    root = Path(__file__).parents[2]
    ours = read_plan(root / "tests" / "mutants.toml")
    named = [path for module in ours.modules for path in (module.path, *module.tests) if not path.startswith("-")]
    assert named
    assert [path for path in named if not (root / path.partition("::")[0]).is_file()] == []
    tests = {test.removeprefix("--deselect=") for module in ours.modules for test in module.tests if "::" in test}
    parted = [(test, *test.split("::")) for test in sorted(tests)]
    assert [test for test, file, name in parted if f"def {name}(" not in (root / file).read_text()] == []
    assert {explained.path for explained in ours.explained} <= {module.path for module in ours.modules}
    for explained in ours.explained:
        assert set(explained.before.split("\n")) <= set(lines((root / explained.path).read_text()).split("\n"))

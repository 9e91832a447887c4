"""Where mutants are, and what they look like: the operators of cosmic-ray, and one more."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Protocol
from zlib import crc32

import parso
from cosmic_ray.ast import ast_nodes
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider

from proofs.mutants_plan import Mutant, Position, Scopes, Site, identity, numbered

Node = Any  # parso declares too little of its tree

#: Replaced by each operator of cosmic-ray that is taken. It has all pairs; of these, the ones are left that a slip of
#: the pen makes, and that do not fail at once on the first number they meet.
BINARY = {
    "Add": ["Sub"],
    "Sub": ["Add"],
    "Mul": ["Div"],
    "Div": ["Mul"],
    "FloorDiv": ["Mul"],
    "Mod": ["FloorDiv"],
    "Pow": ["Mul"],
    "LShift": ["RShift"],
    "RShift": ["LShift"],
    "BitOr": ["BitAnd"],
    "BitAnd": ["BitOr"],
    "BitXor": ["BitOr"],
}
COMPARISON = {
    "Eq": ["NotEq"],
    "NotEq": ["Eq"],
    "Lt": ["LtE", "GtE"],
    "LtE": ["Lt", "Gt"],
    "Gt": ["GtE", "LtE"],
    "GtE": ["Gt", "Lt"],
    "Is": ["IsNot"],
    "IsNot": ["Is"],
}
OTHERS = [
    "AddNot",
    "ExceptionReplacer",
    "NumberReplacer",
    "RemoveDecorator",
    "ReplaceAndWithOr",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ReplaceFalseWithTrue",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceUnaryOperator_Delete_Invert",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_USub",
    "ZeroIterationForLoop",
]
STATEMENTS = {"raise_stmt", "del_stmt", "assert_stmt", "atom_expr"}  # an atom_expr is a call


class Operator(Protocol):
    """The part of cosmic-ray's operators that is used."""

    def mutation_positions(self, node: Node) -> Iterator[tuple[Position, Position]]:
        """Once for every mutation of the node, where it is."""

    def mutate(self, node: Node, index: int) -> Node:
        """The node with one of the mutations made."""


class RemoveStatement:
    """Replaces with `pass` a statement that is there for its effect; cosmic-ray removes no statements.

    These are calls, `raise`, `del`, `assert`, and assignments to attributes and items, or to anything in place.
    """

    def mutation_positions(self, node: Node) -> Iterator[tuple[Position, Position]]:
        """Once, where such a statement begins."""
        if node.type == "simple_stmt" and _has_effect(node.children[0]):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Node, index: int) -> Node:
        """`pass` in its place."""
        first = node.children[0].get_first_leaf()
        node.children[0] = parso.python.tree.Keyword("pass", first.start_pos, first.prefix)
        return node


def _has_effect(statement: Node) -> bool:
    kind: str = statement.type
    if kind != "expr_stmt":
        return kind in STATEMENTS
    target, sign = statement.children[:2]
    if sign.type != "operator":  # an annotation
        return False
    in_place: bool = sign.value != "="
    return in_place or bool(target.type == "atom_expr")


def _operators() -> dict[str, Operator]:
    names = [f"ReplaceBinaryOperator_{old}_{new}" for old, all_new in BINARY.items() for new in all_new]
    names += [f"ReplaceComparisonOperator_{old}_{new}" for old, all_new in COMPARISON.items() for new in all_new]
    provider = OperatorProvider()
    return {name: provider[name]() for name in [*names, *OTHERS]} | {"RemoveStatement": RemoveStatement()}


OPERATORS = _operators()


def sites(source: str, path: str) -> list[Site]:
    """Everywhere in a module that an operator applies and a mutation can matter."""
    occurrences: Counter[str] = Counter()
    scopes = Scopes(source)
    places = []
    for node in ast_nodes(parso.parse(source)):
        for name, operator in OPERATORS.items():
            found = list(operator.mutation_positions(node))
            if found and _is_sign_of_parameters(node):
                occurrences[name] += len(found)
            elif found:
                taken = _one(scopes.line(found[0][0][0]), found) if name == "NumberReplacer" else range(len(found))
                places += [(name, occurrences[name] + index, found[index][0]) for index in taken]
                occurrences[name] += len(found)
    return numbered(places, path, scopes)


def _is_sign_of_parameters(node: Node) -> bool:
    """Whether it is the `*` or `/` between parameters, which cosmic-ray takes for arithmetic."""
    return bool(node.type == "operator" and node.parent.type in {"parameters", "lambdef"})


def _one(line: str, found: Sequence[object]) -> list[int]:
    """One of a number's neighbours, by chance that belongs to the line: with both, half of a sample is numbers."""
    return [crc32(line.encode()) % len(found)]


def mutant(source: str, site: Site) -> Mutant | None:
    """The mutant at a site; None where what comes out is no Python, or is the same program."""
    try:
        code = mutate_code(source, OPERATORS[site.operator], site.occurrence)
        if code is None or ast.dump(ast.parse(code)) == ast.dump(ast.parse(source)):
            return None
    except (SyntaxError, AttributeError):  # the second: cosmic-ray does not replace an exception with a dot in its name
        return None
    what, diff = identity(site, source, code)
    return Mutant(site, what, code, diff)

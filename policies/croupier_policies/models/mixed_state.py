"""The state of a mixed model as plain data, and its restoration from data that may be forged.

Kernels read the arena by the layout alone, so whatever a layout, a column or a counter says is checked before anything
is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from croupier_policies.base import State, Vector
from croupier_policies.encoding.arena import Arena, Shape
from croupier_policies.errors import ForgedState
from croupier_policies.kernels import arena

OF_ACTIONS = (arena.TRIANGLES, arena.WEIGHTS, arena.VECTORS)  # sections with a row for each action


def need(condition: object, what: str) -> None:
    """Raises ForgedState where a condition does not hold."""
    if not condition:
        raise ForgedState(f"the state of a mixed model has {what}, which no model wrote; nothing was restored")


def is_of_actions(k: int) -> bool:
    """Whether a section has a row for each action."""
    return k >= arena.MEMBERS and (k - arena.MEMBERS) % arena.PER_MEMBER in OF_ACTIONS


def arena_state(memory: Arena, actions: int) -> State:
    """Sections by their number, with their shapes; of those with a row for each action, the rows in use."""
    numbers = [k for k in range(arena.SECTIONS) if memory.shape(k)[0]]
    return {
        "shapes": [[k, *memory.shape(k)] for k in numbers],
        "sections": [memory.section(k)[: actions if is_of_actions(k) else None].copy() for k in numbers],
        "coordinates": int(memory.layout[arena.COORDINATES]),
    }


def read_arena(state: Any, actions: int, most: int) -> tuple[dict[int, Shape], dict[int, Vector], int]:
    """Shapes, contents and the number of coordinates, once they fit each other. Raises ForgedState.

    Args:
        state: Of `arena_state`.
        actions: In use.
        most: The largest number of floats.
    """
    need(isinstance(state, Mapping) and state.keys() >= {"shapes", "sections", "coordinates"}, "no arena")
    shapes: dict[int, Shape] = {}
    for entry in state["shapes"]:
        need(
            isinstance(entry, list) and len(entry) == 3 and all(type(n) is int for n in entry), "a shape of no numbers"
        )
        k, rows, width = entry
        need(
            0 <= k < arena.SECTIONS and k not in shapes and 0 < rows < most + 2 and 0 <= width < most + 2,
            "a wrong shape",
        )
        shapes[k] = Shape(rows, width)
    need(sum(shape.rows * shape.width for shape in shapes.values()) <= most, "more floats than its limit")
    need(len(shapes) == len(state["sections"]), "sections without a shape")
    contents = dict(zip(shapes, state["sections"], strict=True))
    for k, content in contents.items():
        rows = actions if is_of_actions(k) else shapes[k].rows
        need(isinstance(content, np.ndarray) and content.dtype == np.float64, "a section that is no array of floats")
        need(content.shape == (min(rows, shapes[k].rows), shapes[k].width), "a section of another shape")
        fences = k == arena.NUMBERS  # of which some are infinite
        need(fences or np.isfinite(content).all(), "numbers that are not finite")
    need(type(state["coordinates"]) is int, "no number of coordinates")
    return shapes, contents, state["coordinates"]


def check_encoding(
    shapes: Mapping[int, Shape],
    contents: Mapping[int, Vector],
    encoder: Any,
    coordinates: int,
    columns: tuple[int, int],
) -> None:
    """Whether the statistics in an arena are those of the names of an encoder's state. Raises ForgedState."""
    need(isinstance(encoder, Mapping), "no encoder")
    names = [encoder.get(name) for name in ("numbers", "fields", "strings", "blocks")]
    need(all(isinstance(each, list) for each in names), "an encoder without names")
    numbers, fields, strings, blocks = names
    records = contents.get(arena.NUMBERS, np.zeros((0, arena.NUMBER_WIDTH)))
    need(records.shape[1] == arena.NUMBER_WIDTH and len(numbers) <= len(records), "numbers without a record")
    used = records[: len(numbers)]
    need(not np.isnan(used).any(), "a record that is not a number")
    need(
        (used[:, arena.FILLED] >= 0).all() and (used[:, arena.FILLED] < arena.SAMPLED).all(), "a sample of another size"
    )
    need((used[:, arena.STRIDE] >= 1).all() and (used[:, arena.STRIDE] < 2.0**53).all(), "a stride below 1")
    need((used[:, arena.SEEN] >= 0).all() and (used[:, arena.SEEN] < 2.0**53).all(), "a negative count")
    for which, limit, width in ((arena.COLUMN, columns[0], 1), (arena.COLUMN_SQUARED, columns[1], 2)):
        need(((used[:, which] >= -1) & (used[:, which] <= limit - width)).all(), "a column that it does not have")
    for entry in strings:
        need(isinstance(entry, list) and len(entry) == 4, "a string without columns")
        need(all(type(c) is int and 0 < c < most for c, most in zip(entry[2:], columns, strict=True)), "a wrong column")
    tags = shapes.get(arena.TAGS, Shape(0, arena.TAG_WIDTH))
    need(tags.width == arena.TAG_WIDTH and len(fields) <= tags.rows, "tag fields without statistics")
    documents = shapes.get(arena.DOCUMENTS, Shape(0, 0))
    need(
        documents.rows == 1 and documents.width & (documents.width - 1) == 0 < documents.width, "a wrong table of tags"
    )
    need(len(blocks) <= arena.MAX_BLOCKS, "too many blocks")
    total = 0
    for b in range(arena.MAX_BLOCKS):
        first = arena.BLOCKS + arena.PER_BLOCK * b
        found = [shapes.get(first + k) for k in range(arena.PER_BLOCK)]
        if b >= len(blocks):
            need(not any(found), "a block without a name")
            continue
        need(isinstance(blocks[b], list) and len(blocks[b]) == 2 and type(blocks[b][1]) is int, "a block of no size")
        width = blocks[b][1]
        rank = min(width, arena.RANK)
        wanted = (width, rank), (width, rank), (4, width), (1, arena.STATISTICS_WIDTH)
        need(
            all(shape is not None and tuple(shape[:2]) == want for shape, want in zip(found, wanted, strict=True)),
            "a block of another size",
        )
        total += rank
    need(total == coordinates, "another number of coordinates")


def check_members(
    shapes: Mapping[int, Shape],
    squares: list[int],
    coordinates: int,
    columns: tuple[int, int],
    actions: int,
    products: int,
) -> None:
    """Whether the members' sections fit the columns, coordinates and actions. Raises ForgedState."""
    for m, squared in enumerate(squares):
        first = arena.MEMBERS + arena.PER_MEMBER * m
        need(tuple(shapes.get(first + arena.NOISE, ())[:2]) == (1, arena.NOISE_WIDTH), "a member without statistics")
        triangles, weights, vectors = (shapes.get(first + k, Shape(0, 0)) for k in OF_ACTIONS)
        P = weights.width // 2
        need(triangles.rows == weights.rows == vectors.rows >= actions, "actions without a posterior")
        need(triangles.rows == 0 or columns[squared] <= P, "fewer columns than its rows have")
        need((triangles.width, weights.width) == (P * (P + 1) // 2, 2 * P), "a triangle of another size")
        need(vectors.rows == 0 or vectors.width == 3 * coordinates, "coordinates without a posterior")
        triangle, common = (shapes.get(first + k) for k in (arena.SHARED_TRIANGLE, arena.SHARED_WEIGHTS))
        wanted = (products * (products + 1) // 2, 2 * products)
        shared = None if triangle is None or common is None else (triangle.width, common.width)
        need((triangle is None) == (common is None) and shared in (None, wanted), "a shared part of another size")
    need(all(k < arena.MEMBERS + arena.PER_MEMBER * len(squares) for k in shapes), "too many members")

"""One array for all floats of a model, in sections that can grow, and one array of integers that places them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import Vector
from croupier_policies.kernels import arena


class Shape(NamedTuple):
    """The shape of a section.

    Attributes:
        rows: Of the section.
        width: Of a row, all its parts together.
        parts: Equal parts of a row, each of which grows at its end.
    """

    rows: int
    width: int
    parts: int = 1


class Arena:
    """The floats and their layout; see `kernels.arena`.

    >>> memory = Arena()
    >>> memory.resize({arena.TAGS: Shape(2, 2)})
    >>> memory.section(arena.TAGS)[1, :] = 7.0
    >>> memory.resize({arena.TAGS: Shape(3, 2), arena.DOCUMENTS: Shape(1, 4)})
    >>> memory.section(arena.TAGS).tolist()
    [[0.0, 0.0], [7.0, 7.0], [0.0, 0.0]]
    """

    def __init__(self) -> None:
        self.floats: Vector = np.zeros(0)
        self.layout: NDArray[np.int64] = np.zeros(arena.LENGTH, np.int64)

    @property
    def arrays(self) -> tuple[Vector, NDArray[np.int64]]:
        """Floats and layout."""
        return self.floats, self.layout

    def section(self, k: int) -> Vector:
        """Section k, a view of shape (rows, width)."""
        start, rows, width = self.layout[3 * k : 3 * k + 3].tolist()
        return self.floats[start : start + rows * width].reshape(rows, width)

    def shape(self, k: int) -> tuple[int, int]:
        """Rows and width of section k."""
        _, rows, width = self.layout[3 * k : 3 * k + 3].tolist()
        return rows, width

    def size_with(self, shapes: dict[int, Shape]) -> int:
        """The number of floats that there would be with these sections."""
        total: int = self.floats.shape[0]
        for k, new in shapes.items():
            rows, width = self.shape(k)
            total += new.rows * new.width - rows * width
        return total

    def resize(self, shapes: dict[int, Shape]) -> None:
        """Give sections new shapes, at least as large; what is new is 0."""
        layout, offset = self.layout.copy(), 0
        for k in range(arena.SECTIONS):
            rows, width = shapes[k][:2] if k in shapes else self.shape(k)
            layout[3 * k : 3 * k + 3] = offset, rows, width
            offset += rows * width
        grown = Arena()
        grown.floats, grown.layout = np.zeros(offset), layout
        for k in range(arena.SECTIONS):
            old = self.section(k)
            if old.size:
                new, parts = grown.section(k), shapes[k].parts if k in shapes else 1
                for part in range(parts):
                    before, after = old.shape[1] // parts, new.shape[1] // parts
                    columns = old[:, part * before : (part + 1) * before]
                    new[: old.shape[0], part * after : part * after + before] = columns
        self.floats, self.layout = grown.floats, grown.layout

    def load(self, shapes: Mapping[int, Shape], contents: Mapping[int, Vector], coordinates: int) -> None:
        """Replace all sections by those of a state, whose rows may be fewer than their shapes say."""
        counts = self.layout[3 * arena.SECTIONS :].copy()
        self.floats, self.layout = np.zeros(0), np.zeros(arena.LENGTH, np.int64)
        self.resize(dict(shapes))
        self.layout[3 * arena.SECTIONS :] = counts
        self.layout[arena.COORDINATES] = coordinates
        for k, content in contents.items():
            self.section(k)[: content.shape[0]] = content

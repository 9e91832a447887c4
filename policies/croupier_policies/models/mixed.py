"""The model of contexts as they are: numbers, strings, tags, texts, ids and embeddings, stationary or not."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from croupier_policies.backends.mixed import Memory, Slots, mixed_backend
from croupier_policies.base import Actions, Finding, Reason, RefusedNames, Row, State, Vector
from croupier_policies.encoding.arena import Arena, Shape
from croupier_policies.encoding.cells import CellTable, Products
from croupier_policies.encoding.items import ItemPacker
from croupier_policies.encoding.mixed import NUMBER_COLUMNS, STRING_COLUMNS, MixedEncoder
from croupier_policies.exploration.base import Estimates
from croupier_policies.kernels import arena, two_part
from croupier_policies.models.base import Model, check_at_least, rewards_without_room
from croupier_policies.models.mixed_state import arena_state, check_encoding, check_members, need, read_arena
from croupier_policies.registry import register

SHARED_COLUMNS = 96  # of products of context and features, in a full posterior
MOST_COLUMNS = 1 + NUMBER_COLUMNS + STRING_COLUMNS, 1 + 2 * NUMBER_COLUMNS + STRING_COLUMNS  # with squares
FEWEST_ACTIONS = 32  # for which there is memory before there are columns
MOST_CROSSES = 1024  # cells of products that one event may claim
MAX_SETS = 64  # candidate sets whose slots are cached


@register
class MixedModel(Model):
    """A posterior in two parts for every action, and the best of several such models, by their latest predictions.

    The *full* part is a Gaussian posterior over an intercept, up to 64 standardised numbers and 64 one-hot values. The
    *diagonal* part has one cell for each of the rest: tags, words, ids, rare values, coordinates of long arrays. One
    innovation updates both (`reference.two_part`). Numbers are clipped to fences that a sample of them sets, so an
    outlier does no harm. A long array is encoded in streaming principal coordinates (`kernels.blocks`).

    Where actions have features, an action's own part has a prior variance of .03, and a part that all share learns the
    products of context and features: about 100 columns in a full posterior, cells beyond.

    The members are: the model; one that forgets with a half-life of 500 rewards; one with the squares of numbers; one
    with products of all pairs of fields. The one with the smallest discounted squared one-step-ahead error decides.

    Args:
        squares: Whether there is a member with squares.
        pairs: Whether there is one with products of fields.
        half_life: Rewards after which evidence counts half in the member that forgets; 0 for no such member.
        ids: Fields whose values are ids: one cell a value, with shrinkage toward what all have in common.
        max_bytes: The memory limit.
        device: See `Model`.

    >>> MixedModel().estimates({"hour": 14.0, "tags": ["new", "red"]}, Actions(("a", "b"))).mean.tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "mixed"

    def __init__(
        self,
        *,
        squares: bool = True,
        pairs: bool = True,
        half_life: float = 500.0,
        ids: Sequence[str] = (),
        max_bytes: int = 2**30,
        device: str = "cpu",
    ) -> None:
        super().__init__(device)
        check_at_least(two_part.STEPS_PER_HALF_LIFE, half_life=half_life or two_part.STEPS_PER_HALF_LIFE)
        check_at_least(0, max_bytes=max_bytes)
        self.squares, self.pairs, self.half_life, self.max_bytes = squares, pairs, float(half_life), max_bytes
        self.ids = tuple(ids)
        self._mixed = mixed_backend(device)
        self._kinds = [(0, 0, 0), *[(0, 0, 1)] * bool(half_life), *[(1, 0, 0)] * squares, *[(0, 1, 0)] * pairs]
        self._start()

    def _start(self) -> None:
        memory = Arena()
        layout = memory.layout
        layout[arena.MEMBER_COUNT] = len(self._kinds)
        layout[arena.MEMBER_KIND : arena.MEMBER_KIND + 3 * len(self._kinds)] = np.ravel(self._kinds)
        layout[arena.FORGETS_EVERY] = max(1, round(self.half_life / two_part.STEPS_PER_HALF_LIFE))
        layout[[arena.COLUMNS, arena.COLUMNS + 1]] = 1
        members = [arena.MEMBERS + arena.PER_MEMBER * m for m in range(len(self._kinds))]
        memory.resize(
            {arena.DOCUMENTS: Shape(1, 1)} | {first + arena.NOISE: Shape(1, arena.NOISE_WIDTH) for first in members}
        )
        for first in members:
            memory.section(first + arena.NOISE)[0, arena.MEAN_REWARD] = 0.5
        self.encoder = MixedEncoder(memory, self.ids, self.max_bytes, self._has_room)
        pairs = self.max_bytes // 8 if self.pairs else 0
        cells = CellTable(len(self._kinds), self.max_bytes // 4)
        products = Products(min(SHARED_COLUMNS, math.isqrt(self.max_bytes // 256)))
        self.memory = Memory(memory, cells, CellTable(1, pairs), Arena(), products)
        own = {first + arena.WEIGHTS: Shape(1, 2, 2) for first in members}  # what coordinates of features are worth
        self.memory.features.resize({arena.DOCUMENTS: Shape(1, 1)} | own)
        self.memory.features.resize({first + arena.VECTORS: Shape(1, 0, 3) for first in members})
        self.memory.features.layout[arena.MEMBER_COUNT] = len(self._kinds)
        self.features = MixedEncoder(self.memory.features, (), self.max_bytes // 8)
        self._items = ItemPacker(self.memory.features, self.features, self.max_bytes // 8)
        self._slots: dict[str, int] = {}  # the least recently rewarded action first
        self._sets: OrderedDict[Actions, tuple[int, Slots]] = OrderedDict()
        self._changes = 0  # of the slots
        self.ignored, self.replaced, self._refused = 0, 0, RefusedNames()

    def config(self) -> dict[str, Any]:
        """The constructor's arguments without `device`."""
        names = ("squares", "pairs", "half_life", "max_bytes")
        return {name: getattr(self, name) for name in names} | {"ids": list(self.ids)}

    def estimates(self, context: Row, actions: Actions) -> Estimates:
        """The leader's means and standard deviations."""
        items = self._items.pack(actions)
        return Estimates(*self._mixed.estimate(self.memory, self.encoder.pack(context), items, self._slots_of(actions)))

    def learn(self, context: Row, actions: Actions, index: int, reward: float) -> float:
        """Teach every member; returns the prediction of the one that was best before."""
        slot = self._admit(actions.ids[index])
        if slot < 0:
            self.ignored += 1
            self._refused.add(actions.ids[index])
            return math.nan
        packed = self.encoder.admit(context)
        item = None if actions.rows is None else self.features.admit(actions.rows[index])
        self._fit(len(self._slots), must=True)
        most = 2 * packed.integers.shape[0] + MOST_CROSSES
        if item is not None:
            self._share()
            most += item.integers.shape[0]
        self.memory.cells.reserve(most)
        self.memory.pairs.reserve(MOST_CROSSES)
        return self._mixed.learn(self.memory, packed, item, slot, reward)

    def _share(self) -> None:
        """Make room for what actions with features share."""
        memory, P = self.memory.arena, self.memory.products.size
        first = arena.MEMBERS + arena.SHARED_TRIANGLE
        if memory.shape(first)[0]:
            return
        starts = [first + arena.PER_MEMBER * m for m in range(len(self._kinds))]
        triangles = {start: Shape(1, P * (P + 1) // 2) for start in starts}
        memory.resize(triangles | {start + 1: Shape(1, 2 * P) for start in starts})
        for start in starts:
            _fill_identity(memory.section(start), 0, 0)

    def _admit(self, action: str) -> int:
        """The slot of an action; a new one gets that of the least recently rewarded if there is no memory for it.

        -1 where there is memory for no action at all.
        """
        slot = self._slots.pop(action, -1)
        if slot < 0:
            slot = self._new_slot()
            self._changes += 1
        if slot >= 0:
            self._slots[action] = slot
        return slot

    def _new_slot(self) -> int:
        count = len(self._slots)
        if self._fit(count + 1):
            return count
        if not count:
            return -1
        slot = self._slots.pop(next(iter(self._slots)))
        self.replaced += 1
        for m in range(len(self._kinds)):
            triangles, weights, vectors = (
                self.memory.section(m, k) for k in (arena.TRIANGLES, arena.WEIGHTS, arena.VECTORS)
            )
            triangles[slot], weights[slot], vectors[slot] = 0.0, 0.0, 0.0
            _fill_identity(triangles[slot : slot + 1], 0, 0)
        self.memory.cells.forget(0.0, slot)
        self.memory.pairs.forget(0.0, slot)
        return slot

    def _has_room(self, columns: tuple[int, int]) -> bool:
        """Whether there is memory for so many columns, with the actions that there are."""
        shapes = self._shapes(max(len(self._slots), FEWEST_ACTIONS), columns, 1.0)
        return 8 * self.memory.arena.size_with(shapes) <= self.max_bytes // 2

    def _fit(self, actions: int, must: bool = False) -> bool:
        """Make room for so many actions and for all columns, if the memory limit allows it; more than asked, if so.

        Columns that the encoder has given away have room in any case (`must`).
        """
        memory, columns = self.memory.arena, self.encoder.columns
        for more in (2.0, 1.25, 1.0):
            shapes = self._shapes(actions, columns, more)
            if 8 * memory.size_with(shapes) <= self.max_bytes // 2 or (must and more == 1.0):
                before = {k: memory.shape(k) for k in shapes}
                if shapes:
                    memory.resize(shapes)
                for k, (rows, width) in before.items():
                    if (k - arena.MEMBERS) % arena.PER_MEMBER == arena.TRIANGLES:
                        _fill_identity(memory.section(k), rows, width)
                memory.layout[[arena.COLUMNS, arena.COLUMNS + 1]] = columns
                return True
        return False

    def _shapes(self, actions: int, columns: tuple[int, int], more: float) -> dict[int, Shape]:
        """The new shapes of sections that are too small, times `more`."""
        memory, R = self.memory.arena, int(self.memory.arena.layout[arena.COORDINATES])
        shapes: dict[int, Shape] = {}
        for m, (squares, _, _) in enumerate(self._kinds):
            first = arena.MEMBERS + arena.PER_MEMBER * m
            slots, width = memory.shape(first + arena.WEIGHTS)
            P, needed, most = width // 2, columns[squares], MOST_COLUMNS[squares]
            if actions <= slots and needed <= P:
                continue
            if actions > slots:
                slots = max(int(more * slots), actions, 8 if more > 1.0 else 0)
            if needed > P:
                P = max(min(max(int(more * P), 8), most), needed)
            shapes[first + arena.TRIANGLES] = Shape(slots, P * (P + 1) // 2)
            shapes[first + arena.WEIGHTS] = Shape(slots, 2 * P, 2)
            shapes[first + arena.VECTORS] = Shape(slots, 3 * R, 3)
        return shapes

    def _slots_of(self, actions: Actions) -> Slots:
        cached = self._sets.get(actions)
        if cached is None or cached[0] != self._changes:
            slots = np.array([self._slots.get(action, -1) for action in actions.ids], dtype=np.int64)
            cached = self._sets[actions] = self._changes, Slots(slots, np.argsort(slots, kind="stable"))
            if len(self._sets) > MAX_SETS:
                self._sets.popitem(last=False)
        return cached[1]

    @property
    def learned(self) -> int:
        """The number of rewards."""
        return int(self._noise_of(0)[arena.REWARDS])

    @property
    def noise_variance(self) -> float:
        """σ² of the leader."""
        return float(two_part.sigma(self._noise_of(self.leader)) ** 2)

    @property
    def leader(self) -> int:
        """The index of the member that decides."""
        return int(two_part.leader(self.memory.arena.floats, self.memory.arena.layout))

    def _noise_of(self, m: int) -> Vector:
        noise: Vector = self.memory.section(m, arena.NOISE)[0]
        return noise

    def discount(self, retain: float, action: str | None = None) -> None:
        """Move the evidence about one action, or about all, toward the prior; see `kernels.two_part.forget`."""
        slot = -1 if action is None else self._slots.get(action)
        if slot is None:
            return
        for m in range(len(self._kinds)):
            two_part.forget(*self.memory.arena.arrays, *self.memory.features.arrays, m, retain, slot)
            if action is None:
                self._noise_of(m)[arena.LOSS] *= retain
        self.memory.cells.forget(retain, slot)
        self.memory.pairs.forget(retain, slot)

    def findings(self) -> list[Finding]:
        """What had no room, was clipped, or never varies."""
        found = self.encoder.findings() + self.features.findings("action.")
        shared = self.memory.cells.shared + self.memory.pairs.shared
        if shared:
            text = (
                f"all cells are in use: {shared} times a new tag, word, id or value had to share a cell with others, "
                "which blurs what is learned about each; give fewer different values, or open the store with a policy "
                "of larger max_bytes and replay=True"
            )
            found.append(Finding(Reason.FEATURES_WITHOUT_ROOM, shared, (), text))
        if self.replaced:
            text = (
                f"{self.replaced} times a new action took the place of the one whose last reward was longest ago, as "
                "there is no memory for all: what was learned about the latter is lost; if actions return after long, "
                "open the store with a policy of larger max_bytes and replay=True"
            )
            found.append(Finding(Reason.REWARDS_WITHOUT_ROOM, self.replaced, (), text))
        return found + rewards_without_room(self.ignored, self._refused, self.max_bytes)

    def state(self) -> State:
        """Arenas, cells, and the names behind their numbers."""
        return {
            "arena": arena_state(self.memory.arena, len(self._slots)),
            "of_features": arena_state(self.memory.features, 1),
            "cells": self.memory.cells.state(),
            "pairs": self.memory.pairs.state(),
            "products": self.memory.products.state(),
            "actions": list(self._slots),
            "slots": np.array(list(self._slots.values()), np.int64),
            "encoder": self.encoder.state(),
            "features": self.features.state(),
            "ignored": self.ignored,
            "replaced": self.replaced,
        }

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`. Raises ForgedState for what none can be."""
        actions, slots = state["actions"], np.asarray(state["slots"])
        need(isinstance(actions, list) and np.array_equal(np.sort(slots), np.arange(len(actions))), "wrong slots")
        fresh = self.fresh()
        memory, squares = fresh.memory, [kind[0] for kind in self._kinds]
        for table, name in ((memory.cells, "cells"), (memory.pairs, "pairs"), (memory.products, "products")):
            table.restore(state[name])
        for encoder, name in ((fresh.encoder, "encoder"), (fresh.features, "features")):
            encoder.restore(state[name])
        most = self.max_bytes // 8
        shapes, contents, coordinates = read_arena(state["arena"], len(actions), most)
        check_encoding(shapes, contents, state["encoder"], coordinates, fresh.encoder.columns)
        check_members(shapes, squares, coordinates, fresh.encoder.columns, len(actions), memory.products.size)
        shared = arena.MEMBERS + arena.SHARED_TRIANGLE in shapes
        need(shared or not memory.products.used, "products without a shared part")
        of_features, more, own = read_arena(state["of_features"], 1, most)
        check_encoding(of_features, more, state["features"], own, fresh.features.columns)
        for m in range(len(squares)):
            first = arena.MEMBERS + arena.PER_MEMBER * m
            found = (of_features.get(first + k) for k in (arena.WEIGHTS, arena.VECTORS))
            need([each and each[:2] for each in found] == [(1, 2), (1, 3 * own)], "features without a posterior")
        memory.arena.load(shapes, contents, coordinates)
        memory.features.load(of_features, more, own)
        for m in range(len(squares)):
            _fill_identity(memory.section(m, arena.TRIANGLES)[len(actions) :], 0, 0)
        memory.arena.layout[[arena.COLUMNS, arena.COLUMNS + 1]] = fresh.encoder.columns
        fresh._slots = dict(zip(actions, slots.tolist(), strict=True))
        fresh.ignored, fresh.replaced = state["ignored"], state["replaced"]
        self.__dict__.update(fresh.__dict__)  # only now: a state that is refused has changed nothing
        self.encoder.has_room = self._has_room


def _fill_identity(triangles: Vector, rows: int, width: int) -> None:
    """Set the diagonals that are new since the section had these rows and this width."""
    columns = (math.isqrt(8 * triangles.shape[1] + 1) - 1) // 2
    diagonal = np.array([i * (i + 1) // 2 + i for i in range(columns)], dtype=np.int64)
    triangles[:rows, diagonal[diagonal >= width]] = 1.0
    triangles[rows:, diagonal] = 1.0

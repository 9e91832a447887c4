"""Storage of one Gaussian posterior of linear coefficients per action."""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from math import isqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies import arrays
from croupier_policies.backends.base import Backend
from croupier_policies.base import Actions, State
from croupier_policies.errors import TooLarge
from croupier_policies.reference.constants import LANES
from croupier_policies.reference.ridge import Posterior

MAX_SETS = 256  # candidate sets whose slots are cached


class _Slots(NamedTuple):
    known: int  # the number of actions at the time of the look-up
    slots: NDArray[np.int64]
    new_actions: int


class ActionPosteriors:
    """A_a⁻¹, θ_a and θ1_a of every action (see `reference.ridge`), in arrays with spare columns.

    The spare capacity avoids a copy of everything at each new column or action. Only A⁻¹ is stored, not A.
    """

    def __init__(self, backend: Backend, max_bytes: int, prior: float = 1.0, columns: int = 1) -> None:
        self.backend, self.max_bytes, self.prior = backend, max_bytes, prior
        self.slots: dict[str, int] = {}
        self.columns = columns  # in use
        self._sets: OrderedDict[Actions, _Slots] = OrderedDict()
        self._allocate(1, columns)

    def bytes_for(self, actions: int, columns: int) -> int:
        """The memory of this many actions and columns, in bytes: about 4·K·d²."""
        return -(-actions // LANES) * LANES * 8 * (_triangle_size(columns) + 2 * columns)

    def columns_for(self, action: str) -> int:
        """The largest number of columns d that `max_bytes` allows with this action: d(d+1)/2 + 2d numbers per slot."""
        return _max_columns(self.max_bytes, -(-(len(self.slots) + (action not in self.slots)) // LANES))

    def check(self, actions: int, columns: int) -> None:
        """Raises TooLarge if the posteriors would exceed `max_bytes`."""
        needed = self.bytes_for(actions, columns)
        if needed > self.max_bytes:
            raise TooLarge(
                f"{actions} actions with {columns} columns each need {needed / 2**20:.0f} MiB, over the limit of "
                f"{self.max_bytes / 2**20:.0f} MiB (it grows with actions x columns²): choose among fewer actions, "
                "give fewer fields, or raise max_bytes"
            )

    def slots_of(self, actions: Actions) -> tuple[NDArray[np.int64], int]:
        """The slot of every candidate, (K,), -1 for one never learned, and the number of the latter."""
        known = len(self.slots)
        cached = self._sets.get(actions)
        if cached is None or cached.known != known:
            slots = np.array([self.slots.get(action, -1) for action in actions.ids], dtype=np.int64)
            cached = self._sets[actions] = _Slots(known, slots, int(np.count_nonzero(slots < 0)))
            if len(self._sets) > MAX_SETS:
                self._sets.popitem(last=False)
        return cached.slots, cached.new_actions

    def admit(self, action: str, columns: int) -> int:
        """The slot of an action about to be learned, allocated if it is new; `columns_for` must allow `columns`."""
        slot = self.slots.get(action, -1)
        if slot >= 0 and columns == self.columns:
            return slot
        slot = self.slots.setdefault(action, len(self.slots))
        self._grow(len(self.slots), columns)
        self.columns = columns
        return slot

    def discount(self, factor: float, action: str | None = None) -> None:
        """Discount one action, or every one, toward its prior (`reference.ridge.discount`)."""
        slots = self.slots.values() if action is None else [self.slots[action]] if action in self.slots else ()
        self.backend.discount(self.columns, self.posterior, slots, factor)

    def _grow(self, actions: int, columns: int) -> None:
        """Allocate; a quarter more than needed after the first time, if memory allows, so that copies are rare."""
        old = self.posterior
        groups, width, _ = old.theta.shape
        needed = -(-actions // LANES)
        if needed <= groups and columns <= width:
            return
        room = _capacity(groups, needed), _capacity(width, columns)
        if self.bytes_for(room[0] * LANES, room[1]) > self.max_bytes:
            room = needed, columns
        self._allocate(*room)
        for new, previous in zip(self.posterior[:3], old[:3], strict=True):
            g, d = (
                min(new.shape[0], previous.shape[0]),
                min(new.shape[1], previous.shape[1]),
            )  # only spare columns are cut off
            new[:g, :d, :] = previous[:g, :d, :]

    def _allocate(self, groups: int, columns: int) -> None:
        """Every action at its prior: A⁻¹ = prior·I, θ = θ1 = 0."""
        xp = self.backend.xp
        triangle = np.zeros(_triangle_size(columns))
        triangle[[_triangle_size(i + 1) - 1 for i in range(columns)]] = self.prior
        P = xp.zeros((groups, _triangle_size(columns), LANES), dtype=xp.float64)
        P[:, :, :] = xp.asarray(triangle)[None, :, None]
        theta, theta1 = (xp.zeros((groups, columns, LANES), dtype=xp.float64) for _ in range(2))
        self.posterior = Posterior(P, theta, theta1, self.prior)

    def state(self) -> State:
        """Actions and arrays, cut to the groups and columns in use."""
        groups, columns = -(-len(self.slots) // LANES), self.columns
        P, theta, theta1, _ = self.posterior
        return {
            "actions": list(self.slots),
            "P": arrays.to_host(P[:groups, : _triangle_size(columns), :]).copy(),
            "theta": arrays.to_host(theta[:groups, :columns, :]).copy(),
            "theta1": arrays.to_host(theta1[:groups, :columns, :]).copy(),
        }

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`."""
        self._sets.clear()
        self.slots = {action: slot for slot, action in enumerate(state["actions"])}
        groups, self.columns, _ = state["theta"].shape
        self._allocate(max(groups, 1), self.columns)
        for array, name in zip(self.posterior[:3], ("P", "theta", "theta1"), strict=True):
            array[:groups, :, :] = self.backend.xp.asarray(state[name])


@lru_cache(maxsize=1024)  # called at every event, mostly with the same arguments
def _max_columns(max_bytes: int, groups: int) -> int:
    return (isqrt(25 + 8 * (max_bytes // (8 * LANES * groups))) - 5) // 2


def _triangle_size(d: int) -> int:
    return d * (d + 1) // 2


def _capacity(have: int, need: int) -> int:
    if need <= have:
        return have
    return need if have == 1 else need + need // 4

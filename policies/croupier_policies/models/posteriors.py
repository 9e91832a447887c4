"""One Gaussian posterior of linear coefficients for every action: where they are kept, and how they grow."""

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

MAX_SETS = 256  # candidate sets whose slots are kept at hand


class _Slots(NamedTuple):
    known: int  # actions that there were when this was looked up
    slots: NDArray[np.int64]
    newcomers: int


class ActionPosteriors:
    """A_a⁻¹, θ_a and θ1_a of every action (see `reference`), in arrays with room for more columns than are in use.

    Spare room keeps a new column or action from copying everything; only A⁻¹ is kept, not A.
    """

    def __init__(self, backend: Backend, max_bytes: int, prior: float = 1.0, columns: int = 1) -> None:
        self.backend, self.max_bytes, self.prior = backend, max_bytes, prior
        self.slots: dict[str, int] = {}
        self.columns = columns  # in use
        self._sets: OrderedDict[Actions, _Slots] = OrderedDict()
        self._allocate(1, columns)

    def bytes_for(self, actions: int, columns: int) -> int:
        """Memory of so many actions with rows of so many columns: about 4·K·d²."""
        return -(-actions // LANES) * LANES * 8 * (_triangle_size(columns) + 2 * columns)

    def columns_for(self, action: str) -> int:
        """The most columns d that `max_bytes` allows once this action is among those learned: d(d+1)/2 + 2d a slot."""
        return _max_columns(self.max_bytes, -(-(len(self.slots) + (action not in self.slots)) // LANES))

    def check(self, actions: int, columns: int) -> None:
        """Raises TooLarge where the posteriors would outgrow `max_bytes`."""
        needed = self.bytes_for(actions, columns)
        if needed > self.max_bytes:
            raise TooLarge(
                f"{actions} actions with {columns} columns each need {needed / 2**20:.0f} MiB, over the limit of "
                f"{self.max_bytes / 2**20:.0f} MiB (it grows with actions x columns²): choose among fewer actions, "
                "give fewer fields, or raise max_bytes"
            )

    def slots_of(self, actions: Actions) -> tuple[NDArray[np.int64], int]:
        """The slot of every candidate, (K,), -1 for one never learned, and how many those are."""
        known = len(self.slots)
        cached = self._sets.get(actions)
        if cached is None or cached.known != known:
            slots = np.array([self.slots.get(action, -1) for action in actions.ids], dtype=np.int64)
            cached = self._sets[actions] = _Slots(known, slots, int(np.count_nonzero(slots < 0)))
            if len(self._sets) > MAX_SETS:
                self._sets.popitem(last=False)
        return cached.slots, cached.newcomers

    def admit(self, action: str, columns: int) -> int:
        """The slot of an action that is about to be learned on a row for which `columns_for` has room."""
        slot = self.slots.get(action, -1)
        if slot >= 0 and columns == self.columns:
            return slot
        slot = self.slots.setdefault(action, len(self.slots))
        self._grow(len(self.slots), columns)
        self.columns = columns
        return slot

    def discount(self, factor: float, action: str | None = None) -> None:
        """Forget one action, or every one, toward its prior (`reference.discount`)."""
        slots = self.slots.values() if action is None else [self.slots[action]] if action in self.slots else ()
        self.backend.discount(self.columns, self.posterior, slots, factor)

    def _grow(self, actions: int, columns: int) -> None:
        """Make room; a quarter more than asked once there was something, memory allowing, so that copies stay rare."""
        old = self.posterior
        groups, width, _ = old.theta.shape
        needed = -(-actions // LANES)
        if needed <= groups and columns <= width:
            return
        room = _capacity(groups, needed), _capacity(width, columns)
        if self.bytes_for(room[0] * LANES, room[1]) > self.max_bytes:
            room = needed, columns
        self._allocate(*room)
        for new, kept in zip(self.posterior[:3], old[:3], strict=True):
            g, d = min(new.shape[0], kept.shape[0]), min(new.shape[1], kept.shape[1])  # what is cut was spare
            new[:g, :d, :] = kept[:g, :d, :]

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
        """Everything above without the spare room, groups and columns cut to what is in use."""
        groups, columns = -(-len(self.slots) // LANES), self.columns
        P, theta, theta1, _ = self.posterior
        return {
            "actions": list(self.slots),
            "P": arrays.to_host(P[:groups, : _triangle_size(columns), :]).copy(),
            "theta": arrays.to_host(theta[:groups, :columns, :]).copy(),
            "theta1": arrays.to_host(theta1[:groups, :columns, :]).copy(),
        }

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        self._sets.clear()
        self.slots = {action: slot for slot, action in enumerate(state["actions"])}
        groups, self.columns, _ = state["theta"].shape
        self._allocate(max(groups, 1), self.columns)
        for array, name in zip(self.posterior[:3], ("P", "theta", "theta1"), strict=True):
            array[:groups, :, :] = self.backend.xp.asarray(state[name])


@lru_cache(maxsize=1024)  # asked at every event, and seldom about anything new
def _max_columns(max_bytes: int, groups: int) -> int:
    return (isqrt(25 + 8 * (max_bytes // (8 * LANES * groups))) - 5) // 2


def _triangle_size(d: int) -> int:
    return d * (d + 1) // 2


def _capacity(have: int, need: int) -> int:
    if need <= have:
        return have
    return need if have == 1 else need + need // 4

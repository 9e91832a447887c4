"""The machinery behind an engine: state, log and writer kept in step under one lock."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from croupier.behaviour.part import Behaviour
from croupier.configuration import canonical_json
from croupier.errors import storing
from croupier.fold import Fold, Progress
from croupier.log import Log
from croupier.loop import Loop
from croupier.parts import Parts
from croupier_storage import Fact, Kind

NEAR = 256  # facts that a rebase may leave to fold while the engine waits


class Live(Loop):
    """The loop, whose whole state can be exchanged for another while it goes on."""

    def rebase(
        self,
        kind: Kind,
        parts: Parts | None = None,
        said: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
        behaviour: Behaviour | None = None,
    ) -> int:
        """Go on from the effective facts of now, under these parts; called without the lock, held only at the end.

        The new state is computed beside the running loop, and the fact that brings it in says up to where it learned
        what is effective. Whatever followed is folded in after it, as it came.
        """
        with self.rebasing, storing():
            effective = self.settled()
            new = self.beside(effective, parts or self.fold.parts.fresh(), progress, behaviour)
            with self.alone():
                new.run(self.settled())
                body: dict[str, Any] = {"upto": effective, **(said or {})}
                if parts is not None:
                    body |= new.description()
                return self.go_on(kind, body, lambda: self.fold.adopt(new))

    def beside(
        self, effective: int, parts: Parts, progress: Progress | None = None, behaviour: Behaviour | None = None
    ) -> Fold:
        """A fold of what is effective there and of nearly all that followed, computed while the loop goes on."""
        new = self.fold.rebased(effective, parts, effective, Log(self.storage), progress, behaviour)
        last = math.inf
        while NEAR < (left := self.settled() - new.position) < last / 2:  # a busy engine may outrun any fold
            new.run(new.position + left)
            last = left
        return new

    @contextmanager
    def alone(self) -> Iterator[None]:
        """The lock, before anyone who comes later: locks are not fair, and a busy engine would hardly ever give way."""
        self.gate.clear()
        try:
            with self.lock:
                yield
        finally:
            self.gate.set()

    def roll_back(self, position: int) -> int:
        """Go on from the state at an earlier position."""
        with self.rebasing, storing():
            self.settled()
            earlier = self.fold.at(position)
            with self.alone():
                return self.go_on(Kind.REBASE, {"to": position}, lambda: self.fold.take(earlier))

    def go_on(self, kind: Kind, body: Mapping[str, Any], take: Callable[[], None]) -> int:
        """Bring in a state computed beforehand, with the fact by which a fold brings in the same."""
        fact = Fact(self.position + 1, kind.value, self.options.clock(), body=canonical_json(body))
        take()
        self.fold.position = fact.position
        self._append(fact)
        self.note_policies()
        return fact.position

    def forget(self, unit: str) -> int:
        """Erase a unit from the log and from the state; returns how many facts became tombstones."""
        with storing(), self.lock:
            self._forgetting = True  # until the rebase, the state still contains the unit: no snapshot of it
            self.settled()
            self.writer.drain()  # a snapshot that contains the unit must not be written after its erasure
            self.storage.save_settings({"forgetting": canonical_json(unit)})
            erased = self.storage.erase(unit, self.options.clock())
            self.history.forget()
            self.fold.forget()
            self._stored_sets.clear()
        self.rebase(Kind.REBASE, said={"erased": [min(erased, default=0), len(erased)]})
        with storing(), self.lock:
            self.settled()
            self.writer.drain()  # a snapshot that contains the unit must not be written after its erasure
            self.storage.save_settings({"forgetting": b"null"})
            self._forgetting = False
        return len(erased)

    def close(self) -> None:
        """Write what is queued, keep a snapshot, and give the store back."""
        with self.lock:
            if self.closed:
                return
            self.closed = True
            fit = self.failure is None and not self._forgetting and self.fold.storable
            if fit and self.position > self._snapshot_at:
                self.snapshot()
        try:
            self.writer.close()
        finally:
            self.storage.close()

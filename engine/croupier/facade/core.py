"""What every part of the engine stands on."""

from __future__ import annotations

from typing import Self

from croupier.ids import IdSource
from croupier.inputs import CandidateSets
from croupier.live import Live
from croupier.outage import Outage
from croupier_policies import Learner, Policy


class Core:
    """One live loop, or its like during an outage; opened, and closed."""

    def __init__(self, live: Live, outage: Outage | None, ids: IdSource) -> None:
        self._live, self._outage, self._ids = live, outage, ids
        self._clock = live.options.clock
        self._candidates = CandidateSets()

    def flush(self) -> None:
        """Wait until every fact so far is on disk."""
        self._live.check()
        self._live.settled()

    @property
    def position(self) -> int:
        """The position of the last fact."""
        return self._live.position

    @property
    def rewards_learned(self) -> int:
        """How many rewards the present state has learned."""
        return self._live.fold.rewards

    @property
    def policy(self) -> Policy:
        """The policy that decides. Ask it, but do not teach it: what it learns outside the log cannot be verified."""
        return self._live.fold.parts.policy

    @property
    def learner(self) -> Learner | None:
        """The reward model beside it; the same care applies."""
        return self._live.fold.parts.learner

    def state_hash(self) -> str:
        """The hash of policy and learner as they are: equal for equal logs, bit for bit."""
        with self._live.lock:
            return self._live.fold.hash()

    def close(self) -> None:
        """Write what is queued, keep a snapshot, and give the store back. May be called twice."""
        self._live.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ready(self) -> Live:
        """The live loop, resumed if an outage has ended, with room in its queue."""
        if self._outage is not None:
            self._live = self._outage.resumed(self._live)
        if not self._live.gate.is_set():
            self._live.gate.wait()
        self._live.writer.make_room()
        return self._live

    def _settled(self, position: int) -> int:
        self._live.settle(position)
        return position

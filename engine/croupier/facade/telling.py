"""What is said of decisions after they were made, the reward apart."""

from __future__ import annotations

from collections.abc import Callable

from croupier.errors import InputError, NotNow
from croupier.facade.core import Core
from croupier.ids import IdSource
from croupier.inputs import moment, reward_value, text
from croupier.live import Live
from croupier.outage import Outage
from croupier.rewards import Standing
from croupier.windows import Background, Ticker
from croupier_storage import Kind


class Telling(Core):
    """The part of the engine that is told how decisions went on."""

    def __init__(self, live: Live, outage: Outage | None, ids: IdSource, rebase_after: int | None) -> None:
        super().__init__(live, outage, ids)
        self._rebase_after, self._corrections, self._background = rebase_after, 0, Background()
        window = live.configuration.rewards.window
        self._ticker = None if window is None else Ticker(min(window / 10, 1.0), self._tick)

    def activate(self, decision_id: str, *, at: float | None = None) -> None:
        """Say that the action of a deferred decision was shown. Without it, its rewards are refused.

        Raises:
            NotNow: It was not deferred, is active already, or its window has closed.
        """
        self._say(Kind.ACTIVATION, decision_id, at, lambda s: not s.activated and not s.closed, "waits for activation")

    def action_taken(self, decision_id: str, action: str, *, at: float | None = None) -> None:
        """Say that another action was shown than the one drawn: its rewards are logged, and never learned as a draw.

        Raises:
            NotNow: It was rewarded before, or has been said already.
        """
        taken = text(action, "action")
        if taken is None:
            raise InputError("action is None; give the id of the action that was shown")
        self._say(Kind.TAKEN, decision_id, at, lambda s: s.taken is None and not s.answered, "is open", action=taken)

    def correct(self, decision_id: str, value: float, *, at: float | None = None) -> None:
        """Say what a rewarded decision earned in truth; it is learned at the next `rebase`.

        Raises:
            NotNow: There is no reward or default to correct.
        """
        reward = reward_value(value, *self._live.configuration.reward_range)
        self._say(Kind.CORRECTION, decision_id, at, _answered, "has been rewarded", reward=reward)
        self._corrected()

    def retract(self, decision_id: str, *, at: float | None = None) -> None:
        """Say that a decision should not have been rewarded at all; it is unlearned at the next `rebase`.

        Raises:
            NotNow: There is no reward or default to retract.
        """
        self._say(Kind.RETRACTION, decision_id, at, _answered, "has been rewarded")
        self._corrected()

    def expire(self, at: float | None = None) -> int:
        """Close the reward windows that have ended by then; a running engine does it by itself. Returns how many."""
        when = moment(at, self._clock)
        live = self._ready()
        with live.lock:
            live.check()
            closed = live.expire(when)
        live.settle(live.position)
        return closed

    def rebase(self) -> int:
        """Learn the log again from its effective facts, in order of decisions; returns the position of the fact.

        Corrections are made, retractions gone, late rewards in place. The engine keeps serving meanwhile.
        """
        live = self._ready()
        position = live.rebase(Kind.REBASE)
        live.settle(position)
        return position

    def forget(self, unit: str) -> int:
        """Erase a unit: its facts become tombstones, its snapshots go, and the state is learned again without it.

        Decisions made in between cannot be recomputed any more; `verify` counts them. Returns the number of tombstones.
        """
        name = text(unit, "unit")
        if name is None:
            raise InputError("unit is None; give the unit that is to be forgotten")
        live = self._ready()
        erased = live.forget(name)
        live.settle(live.position)
        return erased

    def close(self) -> None:
        """Write what is queued, keep a snapshot, and give the store back. May be called twice."""
        if self._ticker is not None:
            self._ticker.close()
        self._background.close()
        super().close()

    def _say(
        self,
        kind: Kind,
        decision_id: str,
        at: float | None,
        allowed: Callable[[Standing], bool],
        state: str,
        **said: str | float,
    ) -> None:
        when = moment(at, self._clock)
        live = self._ready()
        with live.lock:
            live.check()
            live.expire(when)
            position, (_, standing) = live.known(decision_id)
            if not allowed(standing):
                raise NotNow(f"{kind} can be said only of a decision that {state}; decision {decision_id} does not fit")
            fact = live.say(kind, when, position, **said)
        live.settle(fact.position)

    def _corrected(self) -> None:
        self._corrections += 1
        if self._rebase_after is not None and self._corrections >= self._rebase_after:
            self._corrections = 0
            self._background.run(self.rebase)

    def _tick(self) -> None:
        if not self._live.closed:
            self.expire()


def _answered(standing: Standing) -> bool:
    return bool(standing.answered or standing.closed)

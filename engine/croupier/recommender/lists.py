"""Ordered lists drawn without replacement: one decision a place, each from what the places before have left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from croupier.configuration import canonical_json
from croupier.decision import Decision
from croupier.encoding import EncodedActions
from croupier.errors import InputError
from croupier.live import Live
from croupier.loop import Asked, Made
from croupier.outage import Outage
from croupier.repeats import repeated
from croupier_policies.lists import DEPTH, list_marginals
from croupier_storage import Fact

Marginal = float | None


class Recommendation(Sequence[Decision]):
    """An ordered list: its decisions in the order of their places.

    Attributes:
        id: Its name; the decision at place s, counted from 1, is `ID/s`.
        actions: The actions to show, in order.
        marginals: For lists of up to three places, P(this action stands at this place), summed over all that could
            have stood before; None where it was not computed. A decision's own `propensity` is the probability given
            what does stand before.
    """

    __slots__ = ("_decisions", "id", "marginals")

    def __init__(self, id: str, decisions: Sequence[Decision], marginals: Sequence[Marginal]) -> None:
        self.id, self._decisions, self.marginals = id, tuple(decisions), tuple(marginals)

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions to show."""
        return tuple(decision.action for decision in self._decisions)

    def __getitem__(self, place: Any) -> Any:
        return self._decisions[place]

    def __iter__(self) -> Iterator[Decision]:
        return iter(self._decisions)

    def __len__(self) -> int:
        return len(self._decisions)

    def __repr__(self) -> str:
        return f"Recommendation(id={self.id!r}, actions={self.actions!r})"


def check_places(k: Any, count: int) -> int:
    """k itself. Raises InputError where so many places cannot be filled."""
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= count:
        raise InputError(
            f"a list of k={k!r} places cannot be drawn without replacement from {count} candidates; give a whole "
            "number of places, from 1 to as many as there are candidates"
        )
    return k


def recommend(live: Live, asked: Asked, k: int, known: bool) -> Recommendation:
    """Draw a list and keep it, or, where the log has it (`known`), read it back; under the lock.

    A crash may have kept the first places only: the missing ones are drawn now.
    """
    earlier = _logged(live, asked, k) if known else []
    decisions = []
    marginals: list[Marginal] = []
    candidates = asked.candidates
    for place, fact in enumerate(earlier, 1):
        decisions.append(repeated(fact, _at(asked, place, candidates), live.fold.behaviour))
        marginals.append(_said(fact).get("marginal"))
        candidates = _left(candidates, candidates.actions.ids.index(decisions[-1].action))
    asked = live.featured(asked)
    drawn = _draw(live, asked, range(len(earlier) + 1, k + 1), candidates)
    fresh = _marginals(live, asked, drawn) if drawn and not earlier and k <= DEPTH else [None] * len(drawn)
    for place, ((question, made), marginal) in enumerate(zip(drawn, fresh, strict=True), len(earlier) + 1):
        fact = _told(made.fact, live.position + 1, asked.name, (place, k), marginal)
        live.keep(question, made._replace(fact=fact))
        decisions.append(Decision(fact, question.candidates.actions.ids, made.vector))
    return Recommendation(asked.name, decisions, [*marginals, *fresh])


def serve(outage: Outage, live: Live, asked: Asked, k: int, error: Any) -> Recommendation:
    """A list from memory, while the store is away; nothing is ever learned from it."""
    decisions: list[Decision] = []
    candidates = asked.candidates
    for place in range(1, k + 1):
        decisions.append(outage.serve(live, _at(asked, place, candidates), error))
        candidates = _left(candidates, candidates.actions.ids.index(decisions[-1].action))
    return Recommendation(asked.name, decisions, [None] * k)


def _draw(live: Live, asked: Asked, places: Sequence[int], candidates: EncodedActions) -> list[tuple[Asked, Made]]:
    """The questions and answers at these places; nothing is changed."""
    drawn = []
    for place in places:
        question = _at(asked, place, candidates)
        made = live.drawn(question)
        drawn.append((question, made))
        if place < places[-1]:
            candidates = _left(candidates, made.drawn)
    return drawn


def _at(asked: Asked, place: int, candidates: EncodedActions) -> Asked:
    return asked._replace(name=f"{asked.name}/{place}", candidates=candidates)


def _left(candidates: EncodedActions, index: int) -> EncodedActions:
    """The candidates without one of them, unless it is the last."""
    return candidates if len(candidates.actions) == 1 else candidates.remaining([candidates.actions.place(index)])


def _marginals(live: Live, asked: Asked, drawn: Sequence[tuple[Asked, Made]]) -> list[Marginal]:
    actions = asked.candidates.actions
    decider = live.fold.decider(drawn[0][1].role)  # the unit's, and so the same at every place
    found = list_marginals(decider, asked.row, actions, len(drawn))
    if found is None:
        return [None] * len(drawn)
    ids = actions.ids
    return [float(found[place, ids.index(made.fact.action or "")]) for place, (_, made) in enumerate(drawn)]


def _told(fact: Fact, position: int, list_id: str, place: tuple[int, int], marginal: Marginal) -> Fact:
    """The fact at its position, with what its body says of the list."""
    said = _said(fact) | {"list": list_id, "place": place[0], "places": place[1]}
    if marginal is not None:
        said["marginal"] = marginal
    return fact._replace(position=position, body=canonical_json(said))


def _said(fact: Fact) -> dict[str, Any]:
    said: dict[str, Any] = orjson.loads(fact.body or b"{}")
    return said


def _logged(live: Live, asked: Asked, k: int) -> list[Fact]:
    """The places of the list that are in the log."""
    found = []
    for place in range(1, k + 1):
        fact = live.history.decision(f"{asked.name}/{place}")
        if fact is None:
            break
        found.append(fact)
    return found

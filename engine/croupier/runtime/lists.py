"""Ordered lists drawn without replacement: one decision a place, each from what the places before have left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from croupier.errors import InputError
from croupier.log.configuration import canonical_json
from croupier.log.decision import Decision
from croupier.log.encoding import EncodedActions
from croupier.log.identifiers import shown
from croupier.log.limits import PLACES
from croupier.runtime.idempotency import same_decision
from croupier.runtime.loop import Loop
from croupier.runtime.outage import Outage
from croupier.runtime.request import DecisionRequest, Draw
from croupier_policies.catalogue.lists import MAX_DEPTH, list_marginals
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
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= count:
        raise InputError(
            f"a list of k={shown(k)} places cannot be drawn without replacement from {count} candidates; give a whole "
            "number of places, from 1 to as many as there are candidates"
        )
    if k > PLACES.maximum:
        raise InputError(f"a list of {k:,} places is longer than the limit of {PLACES.maximum:,}: {PLACES.reason}")
    return int(k)


def recommend(loop: Loop, request: DecisionRequest, k: int, known: bool) -> Recommendation:
    """Draw a list and keep it, or, where the log has it (`known`), read it back; under the lock.

    A crash may have kept the first places only: the missing ones are drawn now.
    """
    earlier = _logged(loop, request, k) if known else []
    decisions = []
    marginals: list[Marginal] = []
    candidates = request.candidates
    for place, fact in enumerate(earlier, 1):
        decisions.append(same_decision(fact, _at(request, place, candidates), loop.fold.feature_state))
        marginals.append(_payload(fact).get("marginal"))
        candidates = _without(candidates, candidates.actions.ids.index(decisions[-1].action))
    request = loop.with_features(request)
    drawn = _draws(loop, request, range(len(earlier) + 1, k + 1), candidates)
    fresh = _marginals(loop, request, drawn) if drawn and not earlier and k <= MAX_DEPTH else [None] * len(drawn)
    for place, ((question, made), marginal) in enumerate(zip(drawn, fresh, strict=True), len(earlier) + 1):
        fact = _fact_in_list(made.fact, loop.position + 1, request.id, (place, k), marginal)
        loop.record(question, made._replace(fact=fact))
        decisions.append(Decision(fact, question.candidates.actions.ids, made.vector))
    return Recommendation(request.id, decisions, [*marginals, *fresh])


def serve(outage: Outage, loop: Loop, request: DecisionRequest, k: int, error: Any) -> Recommendation:
    """A list from memory, while the store is unavailable; nothing is ever learned from it."""
    decisions: list[Decision] = []
    candidates = request.candidates
    for place in range(1, k + 1):
        decisions.append(outage.serve(loop, _at(request, place, candidates), error))
        candidates = _without(candidates, candidates.actions.ids.index(decisions[-1].action))
    return Recommendation(request.id, decisions, [None] * k)


def _draws(
    loop: Loop, request: DecisionRequest, places: Sequence[int], candidates: EncodedActions
) -> list[tuple[DecisionRequest, Draw]]:
    """The questions and answers at these places; nothing is changed."""
    drawn = []
    for place in places:
        question = _at(request, place, candidates)
        made = loop.draw(question)
        drawn.append((question, made))
        if place < places[-1]:
            candidates = _without(candidates, made.drawn)
    return drawn


def _at(request: DecisionRequest, place: int, candidates: EncodedActions) -> DecisionRequest:
    return request._replace(id=f"{request.id}/{place}", candidates=candidates)


def _without(candidates: EncodedActions, index: int) -> EncodedActions:
    """The candidates without one of them, unless it is the last."""
    return candidates if len(candidates.actions) == 1 else candidates.excluding([candidates.actions.full_index(index)])


def _marginals(loop: Loop, request: DecisionRequest, drawn: Sequence[tuple[DecisionRequest, Draw]]) -> list[Marginal]:
    actions = request.candidates.actions
    policy_for = loop.fold.policy_for(drawn[0][1].role)  # the unit's, and so the same at every place
    found = list_marginals(policy_for, request.row, actions, len(drawn))
    if found is None:
        return [None] * len(drawn)
    ids = actions.ids
    return [float(found[place, ids.index(made.fact.action or "")]) for place, (_, made) in enumerate(drawn)]


def _fact_in_list(fact: Fact, position: int, list_id: str, place: tuple[int, int], marginal: Marginal) -> Fact:
    """The fact at its position, with the list in its body."""
    payload = _payload(fact) | {"list": list_id, "place": place[0], "places": place[1]}
    if marginal is not None:
        payload["marginal"] = marginal
    return fact._replace(position=position, body=canonical_json(payload))


def _payload(fact: Fact) -> dict[str, Any]:
    payload: dict[str, Any] = orjson.loads(fact.body or b"{}")
    return payload


def _logged(loop: Loop, request: DecisionRequest, k: int) -> list[Fact]:
    """The places of the list that are in the log."""
    found = []
    for place in range(1, k + 1):
        fact = loop.index.decision(f"{request.id}/{place}")
        if fact is None:
            break
        found.append(fact)
    return found

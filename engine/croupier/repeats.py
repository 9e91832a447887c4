"""A decision asked for again under its id."""

from __future__ import annotations

import orjson

from croupier.behaviour.part import Behaviour
from croupier.behaviour.proof import featured
from croupier.decision import Decision
from croupier.encoding import decode_row, encode_row
from croupier.errors import Conflict
from croupier.loop import Asked
from croupier_storage import Fact


def repeated(fact: Fact, asked: Asked, behaviour: Behaviour) -> Decision:
    """The decision already in the log under an id, if it was asked with the same input. Raises Conflict."""
    candidates = asked.candidates
    without = tuple(orjson.loads(fact.body or b"{}").get("without", ()))
    given = fact.context
    if given is not None and featured(fact):
        given = encode_row(behaviour.given(decode_row(given)), "context")
    logged = given, fact.actions, without, fact.unit
    if logged != (asked.body, candidates.digest, candidates.without, asked.unit):
        raise Conflict(
            f"decision {fact.id} is in the log with another context, candidates or unit; an id names one decision: "
            "give a new id, or none"
        )
    return Decision(fact, candidates.actions.ids, None)

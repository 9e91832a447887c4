"""Idempotency of decisions: an id that is in the log already."""

from __future__ import annotations

import orjson

from croupier.errors import Conflict
from croupier.log.decision import Decision
from croupier.log.encoding import decode_row, encode_row, former_digest
from croupier.runtime.request import DecisionRequest
from croupier.state.features.state import FeatureState
from croupier.state.features.verification import has_features
from croupier_storage import Fact


def same_decision(fact: Fact, request: DecisionRequest, feature_state: FeatureState) -> Decision:
    """The decision already in the log under an id, if it was asked with the same input. Raises Conflict."""
    candidates = request.candidates
    without = tuple(orjson.loads(fact.body or b"{}").get("without", ()))
    given = fact.context
    if given is not None and given != request.body:  # it may have features, or the form of an older version
        row = decode_row(given)
        given = encode_row(feature_state.application_context(row) if has_features(fact) else row, "context")
    digest = fact.actions
    if digest != candidates.digest and digest == former_digest(candidates.actions.full_set):
        digest = candidates.digest
    logged = given, digest, without, fact.unit
    if logged != (request.body, candidates.digest, candidates.without, request.unit):
        raise Conflict(
            f"decision {fact.id} is in the log with another context, candidates or unit; an id names one decision: "
            "give a new id, or none"
        )
    return Decision(fact, candidates.actions.ids, None)

"""From what is asked for to the target that it means."""

from __future__ import annotations

from typing import Any, TypeAlias

import orjson

from croupier.errors import EvidenceError
from croupier.evaluation.passes.source import Source
from croupier.evaluation.passes.targets import Chosen, Constant, Frozen, Function, Learned, Logged, Target
from croupier_policies import Policy, PolicyError, UniformPolicy
from croupier_policies.registry import build

Spec: TypeAlias = str | Policy | Target | Chosen


def resolve(spec: Spec, source: Source | None) -> Target:
    """The target of a specification, at the beginning of a log.

    Args:
        spec: `logged`, `uniform`, `constant:ACTION`, `snapshot:POSITION` or `snapshot:latest`, `policy:NAME` or
            `policy:NAME:{"json": "arguments"}` (untaught, learned along the log); a policy (likewise); a function
            (context, actions) -> probabilities; or a target.
        source: The store; None for a log from elsewhere, which has no snapshots.

    Raises:
        EvidenceError: The specification names nothing that is there.
    """
    if isinstance(spec, Target):
        return spec.begin()
    if isinstance(spec, Policy):
        return Learned(spec)
    if not isinstance(spec, str):
        return Function(spec)
    kind, _, rest = spec.partition(":")
    if kind == "constant" and rest:
        return Constant(rest)
    if kind == "snapshot" and rest:
        return _snapshot(rest, source)
    if kind == "policy" and rest:
        return Learned(_policy(rest), spec)
    if spec == "uniform":
        return Frozen(UniformPolicy(), spec)
    if spec == "logged":
        return Logged()
    raise EvidenceError(
        f"{spec!r} is no target; give logged, uniform, constant:ACTION, snapshot:POSITION, snapshot:latest, "
        'policy:NAME or policy:NAME:{"json": "arguments"}'
    )


def _snapshot(place: str, source: Source | None) -> Target:
    if source is None:
        raise EvidenceError(f"snapshot:{place} is of a store, and this log is none; evaluate policy:NAME instead")
    positions = source.snapshot_positions()
    if place == "latest" and not positions:
        raise EvidenceError("the store keeps no snapshot; evaluate policy:NAME, which learns along the log")
    if place != "latest" and not place.isdecimal():
        raise EvidenceError(f"snapshot:{place} names no position; give a number or `latest`")
    position = positions[-1] if place == "latest" else int(place)
    return Frozen(source.policy_at(position), f"snapshot:{position}", position)


def _policy(spec: str) -> Policy:
    name, _, text = spec.partition(":")
    try:
        config: Any = orjson.loads(text) if text else {}
        policy = build(name, config)
    except (orjson.JSONDecodeError, PolicyError, TypeError) as error:
        raise EvidenceError(f"policy:{spec} cannot be built: {error}") from error
    if not isinstance(policy, Policy):
        raise EvidenceError(f"{name!r} is a learner, which chooses nothing; name a policy")
    return policy

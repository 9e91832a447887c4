"""Targets from their specifications."""

from __future__ import annotations

from typing import TypeAlias

from croupier.errors import EvidenceError
from croupier.evaluation.passes.source import Source
from croupier.evaluation.passes.targets import (
    ConstantTarget,
    FrozenTarget,
    FunctionTarget,
    LearningTarget,
    LoggedTarget,
    ProbabilityFunction,
    Target,
)
from croupier.state.components import build_from_spec
from croupier_policies import Policy, UniformPolicy

TargetSpec: TypeAlias = str | Policy | Target | ProbabilityFunction


def resolve(spec: TargetSpec, source: Source | None) -> Target:
    """The target of a specification, in its state at the beginning of a log.

    Args:
        spec: `logged`, `uniform`, `constant:ACTION`, `snapshot:POSITION` or `snapshot:latest`, `policy:NAME` or
            `policy:NAME:{"json": "arguments"}`; a policy; a function (context, actions) -> probabilities; or a
            target. Policies start untrained and learn along the log.
        source: The store; None for a data set, which has no snapshots.

    Raises:
        EvidenceError: The specification is malformed, or names something that does not exist.
    """
    if isinstance(spec, Target):
        return spec.fresh()
    if isinstance(spec, Policy):
        return LearningTarget(spec)
    if not isinstance(spec, str):
        return FunctionTarget(spec)
    kind, _, rest = spec.partition(":")
    if kind == "constant" and rest:
        return ConstantTarget(rest)
    if kind == "snapshot" and rest:
        return _snapshot(rest, source)
    if kind == "policy" and rest:
        return LearningTarget(build_from_spec(rest, Policy), spec)  # type: ignore[type-abstract] # compared with only
    if spec == "uniform":
        return FrozenTarget(UniformPolicy(), spec)
    if spec == "logged":
        return LoggedTarget()
    raise EvidenceError(
        f"{spec!r} is not a target; give logged, uniform, constant:ACTION, snapshot:POSITION, snapshot:latest, "
        'policy:NAME or policy:NAME:{"json": "arguments"}'
    )


def _snapshot(place: str, source: Source | None) -> Target:
    if source is None:
        raise EvidenceError(f"snapshot:{place} requires a store, and this log is a data set; use policy:NAME")
    positions = source.snapshot_positions()
    if place == "latest" and not positions:
        raise EvidenceError("the store has no snapshots; use policy:NAME, which learns along the log")
    if place != "latest" and not place.isdecimal():
        raise EvidenceError(f"snapshot:{place} is not a position; give a number or `latest`")
    position = positions[-1] if place == "latest" else int(place)
    return FrozenTarget(source.policy_at(position), f"snapshot:{position}", position)

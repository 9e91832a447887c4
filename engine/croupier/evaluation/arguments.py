"""The arguments of evaluations and comparisons, checked by name."""

from __future__ import annotations

from typing import Any

from croupier.errors import InputError
from croupier.evaluation.evidence.verdict import Rules
from croupier.evaluation.passes.targets import Target
from croupier.log.arguments import Check, each, flag, function, instance, number, optional, real, text
from croupier.log.identifiers import shown
from croupier.log.limits import Limit
from croupier_policies import Learner, Policy

NAMES = Limit("the targets, estimators and intervals of an evaluation", 1_000, "names", "every row is measured by each")


def _target(value: Any, argument: str) -> Any:
    if isinstance(value, str):
        return text(value, argument)
    if not (isinstance(value, Policy | Target) or (callable(value) and not isinstance(value, type))):
        raise InputError(f"{argument} is {shown(value)}; give a name, a policy, a target, or a function")
    return value


def _range(value: Any, argument: str) -> tuple[float, float]:
    ends = [real(end) for end in value] if isinstance(value, list | tuple) and len(value) == 2 else []
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        raise InputError(f"{argument} is {shown(value)}; give two finite numbers, the smaller one first")
    return ends[0], ends[1]


POLICIES: dict[str, Check] = {
    "policy": optional(instance(Policy, "SoftmaxPolicy()")),
    "learner": optional(instance(Learner, "RiverLearner()")),
    "policies": each(instance(Policy, "SoftmaxPolicy()"), NAMES),
    "progress": optional(function(2)),
}
CHECKS: dict[str, Check] = {
    **POLICIES,
    "url": text,
    "targets": each(_target, NAMES),
    "estimators": each(text, NAMES),
    "intervals": each(text, NAMES),
    "estimator": text,
    "level": number(0.0, 1.0),
    "rules": instance(Rules, "Rules()"),
    "in_sample": flag,
    "strict": flag,
    "segment": optional(text),
    "reward_range": _range,
    "floor": optional(number(0.0, 1.0)),
}

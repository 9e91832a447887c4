"""An experiment begun, changed, ended and decided in a loop loop: each a fact in the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from croupier.errors import ExperimentRunning, InputError, NoExperiment, NoPromotion, PolicyFailed, storing
from croupier.log.configuration import canonical_json
from croupier.log.identifiers import shown
from croupier.runtime.experiment import Experiment
from croupier.runtime.loop import Loop
from croupier.state.components import Components
from croupier.state.experiment.assignment import Split
from croupier.state.experiment.running import RunningExperiment
from croupier_policies import Policy
from croupier_storage import Kind


def start(loop: Loop, experiment: Experiment) -> int:
    """Start an experiment; returns the position of its fact."""
    policies = {name: policy.fresh() for name, policy in experiment.policies.items()}
    with loop.exchange_lock, storing():  # no other is started meanwhile
        _check(loop, experiment)
        pool = loop.fold.pool
        loop.fold.pool = pool._replace(others=(*pool.others, *policies.values()))
        description = orjson.loads(canonical_json(experiment.description()))  # in the order of the log
        warmed = policies
        if experiment.warm_start:
            description["upto"] = effective = loop.flush()
            folds = {
                name: loop.fold_alongside(effective, Components(policy, None)) for name, policy in policies.items()
            }
        with loop.exclusive():
            if experiment.warm_start:
                for fold in folds.values():
                    fold.run(loop.flush())
                warmed = {name: fold.components.policy for name, fold in folds.items()}
            return loop.exchange(Kind.EXPERIMENT, description, lambda: _begin(loop, description, warmed))


def _check(loop: Loop, experiment: Experiment) -> None:
    if loop.fold.running is not None:
        raise ExperimentRunning(
            f"the experiment {loop.fold.running.name!r} is running; a unit is in one at a time: stop it first"
        )
    loop.flush()
    for fact in loop.storage.facts(kinds=[Kind.EXPERIMENT.value]):
        if orjson.loads(fact.body or b"{}").get("name") == experiment.name:
            raise InputError(
                f"the log has an experiment {experiment.name!r} already (position {fact.position}); its units "
                "would be counted into both: give a new name"
            )
    rule = loop.configuration.rewards
    if rule.window is not None and (rule.aggregate != "first" or rule.default) and experiment.window <= rule.window:
        raise InputError(
            f"a reward is known {rule.window:g} seconds after its decision, and the exposure window of "
            f"{experiment.name!r} is {experiment.window:g}: every reward would come too late to count. Give a "
            "longer window"
        )
    if experiment.holdout and not loop.fold.components.policy.storable:
        raise PolicyFailed(
            f"a hold-out keeps the champion as it is now, and {loop.fold.components.policy.name!r} cannot be copied: "
            "its state is not plain data. Run the experiment without a hold-out"
        )


def _begin(loop: Loop, description: Mapping[str, Any], policies: Mapping[str, Policy]) -> None:
    running = RunningExperiment(description, loop.fold.pool)
    running.policies = dict(policies)
    running.freeze_holdout(loop.fold.components.policy)
    loop.fold.running = running


def set_weights(loop: Loop, weights: Mapping[str, float], why: Mapping[str, Any] | None = None) -> int:
    """Change the weights of the experiment; returns the position of the fact."""
    with storing(), loop.lock:
        name, variants = (present := running(loop)).name, {present.champion, *present.candidates}
        if unknown := set(weights) - variants:
            raise InputError(
                f"the experiment {name!r} has no variants {shown(list(unknown))}; it has {sorted(variants)}"
            )
        Split.from_weights(weights)
        body = {"event": "weights", "name": name, "weights": dict(weights), **(why or {})}
        fact = loop.append(Kind.EXPERIMENT, loop.options.clock(), body=canonical_json(body))
        loop.refresh_policy_records()
        return fact.position


def stop(loop: Loop, why: Mapping[str, Any] | None = None) -> int:
    """Stop the experiment: the champion decides for every unit again; returns the position of the fact."""
    with storing(), loop.lock:
        body = {"event": "stop", "name": running(loop).name, **(why or {})}
        fact = loop.append(Kind.EXPERIMENT, loop.options.clock(), body=canonical_json(body))
        loop.refresh_policy_records()
        return fact.position


def promote(loop: Loop, variant: str, why: Mapping[str, Any]) -> int:
    """Make the policy of a variant the champion, and end the experiment; returns the position of the fact.

    The state before it is kept as a pinned snapshot, to which one can roll back.
    """
    with loop.exchange_lock, storing(), loop.exclusive():
        present = running(loop)
        if variant not in present.candidates:
            raise InputError(f"{variant!r} is no candidate of {present.name!r}; it has {sorted(present.candidates)}")
        before = loop.flush()
        if loop.fold.storable:
            before = loop.snapshot()
            loop.writer.drain()
            loop.storage.pin(before, True)
        body = {"name": present.name, "variant": variant, "from": before, **why}
        fact = loop.append(Kind.PROMOTION, loop.options.clock(), body=canonical_json(body))
        loop.refresh_policy_records()
        return fact.position


def last_promotion(loop: Loop) -> int:
    """The position before the last promotion. Raises NoPromotion if there was none."""
    with storing():
        loop.flush()
        found = [orjson.loads(fact.body or b"{}")["from"] for fact in loop.storage.facts(kinds=[Kind.PROMOTION.value])]
    if not found:
        raise NoPromotion("nothing was promoted in this log; give the position to roll back to")
    return int(found[-1])


def running(loop: Loop) -> RunningExperiment:
    """The experiment in force. Raises NoExperiment."""
    if loop.fold.running is None:
        raise NoExperiment("no experiment is running; start one")
    return loop.fold.running

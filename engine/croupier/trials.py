"""An experiment begun, changed, ended and decided in a live loop: each a fact in the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from croupier.configuration import canonical_json
from croupier.errors import InputError, NotNow, PolicyFailed, storing
from croupier.experiments.assignment import Split
from croupier.experiments.experiment import Experiment
from croupier.experiments.running import Running
from croupier.live import Live
from croupier.parts import Parts
from croupier_policies import Policy
from croupier_storage import Kind


def start(live: Live, experiment: Experiment) -> int:
    """Begin an experiment; returns the position of its fact."""
    policies = {name: policy.fresh() for name, policy in experiment.policies.items()}
    with live.rebasing, storing():  # nobody else begins one meanwhile
        _check(live, experiment)
        given = live.fold.given
        live.fold.given = given._replace(others=(*given.others, *policies.values()))
        said, taught = orjson.loads(canonical_json(experiment.said())), policies  # in the order of the log
        if experiment.taught:
            said["upto"] = effective = live.settled()
            folds = {name: live.beside(effective, Parts(policy, None)) for name, policy in policies.items()}
        with live.alone():
            if experiment.taught:
                for fold in folds.values():
                    fold.run(live.settled())
                taught = {name: fold.parts.policy for name, fold in folds.items()}
            return live.go_on(Kind.EXPERIMENT, said, lambda: _begin(live, said, taught))


def _check(live: Live, experiment: Experiment) -> None:
    if live.fold.running is not None:
        raise NotNow(f"the experiment {live.fold.running.name!r} is running; a unit is in one at a time: stop it first")
    live.settled()
    for fact in live.storage.facts(kinds=[Kind.EXPERIMENT.value]):
        if orjson.loads(fact.body or b"{}").get("name") == experiment.name:
            raise InputError(
                f"the log has an experiment {experiment.name!r} already (position {fact.position}); its units "
                "would be counted into both: give a new name"
            )
    rule = live.configuration.rewards
    if rule.window is not None and (rule.aggregate != "first" or rule.default) and experiment.window <= rule.window:
        raise InputError(
            f"a reward is known {rule.window:g} seconds after its decision, and the exposure window of "
            f"{experiment.name!r} is {experiment.window:g}: every reward would come too late to count. Give a "
            "longer window"
        )
    if experiment.holdout and not live.fold.parts.policy.storable:
        raise PolicyFailed(
            f"a hold-out meets the champion as it is now, and {live.fold.parts.policy.name!r} cannot be copied: its "
            "state is no plain data. Run the experiment without a hold-out"
        )


def _begin(live: Live, said: Mapping[str, Any], policies: Mapping[str, Policy]) -> None:
    running = Running(said, live.fold.given)
    running.policies = dict(policies)
    running.freeze(live.fold.parts.policy)
    live.fold.running = running


def weigh(live: Live, weights: Mapping[str, float], why: Mapping[str, Any] | None = None) -> int:
    """Change the weights of the experiment; returns the position of the fact."""
    with storing(), live.lock:
        name, variants = (present := running(live)).name, {present.champion, *present.candidates}
        if unknown := set(weights) - variants:
            raise InputError(f"the experiment {name!r} has no variants {sorted(unknown)}; it has {sorted(variants)}")
        Split.of(weights)
        body = {"event": "weights", "name": name, "weights": dict(weights), **(why or {})}
        fact = live.say(Kind.EXPERIMENT, live.options.clock(), body=canonical_json(body))
        live.note_policies()
        return fact.position


def stop(live: Live, why: Mapping[str, Any] | None = None) -> int:
    """End the experiment: everyone meets the champion again; returns the position of the fact."""
    with storing(), live.lock:
        body = {"event": "stop", "name": running(live).name, **(why or {})}
        fact = live.say(Kind.EXPERIMENT, live.options.clock(), body=canonical_json(body))
        live.note_policies()
        return fact.position


def promote(live: Live, variant: str, why: Mapping[str, Any]) -> int:
    """Make the policy of a variant the champion, and end the experiment; returns the position of the fact.

    The state before it is kept as a pinned snapshot, to which one can roll back.
    """
    with live.rebasing, storing(), live.alone():
        present = running(live)
        if variant not in present.candidates:
            raise InputError(f"{variant!r} is no candidate of {present.name!r}; it has {sorted(present.candidates)}")
        before = live.settled()
        if live.fold.storable:
            before = live.snapshot()
            live.writer.drain()
            live.storage.pin(before, True)
        body = {"name": present.name, "variant": variant, "from": before, **why}
        fact = live.say(Kind.PROMOTION, live.options.clock(), body=canonical_json(body))
        live.note_policies()
        return fact.position


def last_promotion(live: Live) -> int:
    """The position before the last promotion. Raises NotNow where there was none."""
    with storing():
        live.settled()
        found = [orjson.loads(fact.body or b"{}")["from"] for fact in live.storage.facts(kinds=[Kind.PROMOTION.value])]
    if not found:
        raise NotNow("nothing was promoted in this log; give the position to roll back to")
    return int(found[-1])


def running(live: Live) -> Running:
    """The experiment in force. Raises NotNow."""
    if live.fold.running is None:
        raise NotNow("no experiment is running; start one")
    return live.fold.running

"""`engine.experiments`: policies compared on live units, promoted, withdrawn and rolled back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from croupier.errors import EvidenceError, InputError, storing
from croupier.log.arguments import flag, instance, mapping, number, optional
from croupier.log.identifiers import required
from croupier.log.limits import EXPERIMENT
from croupier.runtime import experiment_ops
from croupier.runtime.experiment import Experiment
from croupier.runtime.loop import Loop
from croupier.state.experiment.buckets import HOLDOUT
from croupier.studies.promotion import Evidence, Rule, Ruling, RulingAction
from croupier.studies.statistics.guardrails import Guardrail
from croupier.studies.study import study

_LEVEL = number(0.5, 0.999_999)
_RULE = optional(instance(Rule, "Rule()"))


class Experiments:
    """The experiments of an engine; one runs at a time."""

    def __init__(self, ready: Callable[[], Loop]) -> None:
        self._ready = ready

    def start(self, experiment: Experiment) -> int:
        """Start an experiment: from here every unit is assigned to a variant; returns the position of the fact.

        Raises:
            ExperimentRunning: Another one is running.
            InputError: The log has an experiment of this name already.
        """
        checked = instance(Experiment, 'Experiment("ranking", …)')(experiment, "the experiment")
        return self._after(experiment_ops.start(self._ready(), checked))

    def set_weights(self, weights: Mapping[str, float]) -> int:
        """Change the weights of the variants, reassigning as few units as possible; returns the position of the fact.

        Raises:
            NoExperiment: No experiment is running.
            InputError: Invalid weight or unknown variant.
        """
        return self._after(experiment_ops.set_weights(self._ready(), mapping(weights, "weights")))

    def stop(self) -> int:
        """Stop the experiment: the champion decides for every unit again; returns the position of the fact.

        Raises:
            NoExperiment: No experiment is running.
        """
        return self._after(experiment_ops.stop(self._ready()))

    def evaluate_promotion(
        self, variant: str, rule: Rule | None = None, *, budget_exhausted: bool = False, level: float = 0.95
    ) -> Ruling:
        """What the log's evidence says of promoting a candidate; nothing is changed.

        Args:
            variant: The candidate.
            rule: When its share grows, and when it is promoted or withdrawn; the experiment's guardrails are added.
            budget_exhausted: Whether the planned time or number of units has been used up.
            level: Of the confidence sequences.

        Raises:
            NoExperiment: No experiment is running.
            InputError: The experiment has no such candidate.
        """
        return self._ruling(self._ready(), variant, rule, budget_exhausted, level)

    def advance(
        self, variant: str, rule: Rule | None = None, *, budget_exhausted: bool = False, level: float = 0.95
    ) -> Ruling:
        """Evaluate a candidate and act on the ruling: raise its share, promote it or withdraw it. Call it regularly.

        Args, raises: As for `evaluate_promotion`.
        """
        loop = self._ready()
        ruling = self._ruling(loop, variant, rule, budget_exhausted, level)
        reason = _payload(ruling)
        match ruling.action:
            case RulingAction.PROMOTE:
                experiment_ops.promote(loop, variant, reason)
            case RulingAction.GROW:
                experiment_ops.set_weights(loop, _with_share(loop, variant, ruling.share), reason)
            case RulingAction.WITHDRAW:
                others = _with_share(loop, variant, 0.0)
                if sum(share > 0 for share in others.values()) > 1:
                    experiment_ops.set_weights(loop, others, reason)
                else:
                    experiment_ops.stop(loop, reason)
        loop.after_append(loop.position)
        return ruling

    def promote(self, variant: str, rule: Rule | None = None, *, level: float = 0.95) -> Ruling:
        """Make a candidate the champion, which ends the experiment. `roll_back` returns to the state before.

        Args: As for `evaluate_promotion`.

        Raises:
            EvidenceError: The evidence does not support it; the message says what is missing.
            NoExperiment: No experiment is running.
            InputError: The experiment has no such candidate.
        """
        loop = self._ready()
        ruling = self._ruling(loop, variant, rule, False, level)
        if ruling.action is not RulingAction.PROMOTE:
            raise EvidenceError(
                f"{variant!r} is not promoted: {'; '.join(ruling.reasons)}. The ruling is {ruling.action.value!r}; "
                "let the experiment run on, or stop it"
            )
        self._after(experiment_ops.promote(loop, variant, _payload(ruling)))
        return ruling

    def roll_back(self) -> int:
        """Return to the champion's state before the last promotion; returns the position of the fact.

        Raises:
            NoPromotion: The log has none.
        """
        loop = self._ready()
        return loop.roll_back(experiment_ops.last_promotion(loop))

    @property
    def shares(self) -> Mapping[str, float]:
        """The share of units of each variant of the running experiment, and of its hold-out; empty if none runs."""
        running = self._ready().fold.running
        return {} if running is None else dict(running.split.shares)

    def _after(self, position: int) -> int:
        self._ready().after_append(position)
        return position

    def _ruling(self, loop: Loop, variant: str, rule: Rule | None, budget_exhausted: bool, level: float) -> Ruling:
        running = experiment_ops.running(loop)
        variant, level = required(variant, "variant", EXPERIMENT), _LEVEL(level, "level")
        asked, budget_exhausted = _RULE(rule, "rule") or Rule(), flag(budget_exhausted, "budget_exhausted")
        if variant not in running.candidates:
            raise InputError(f"{variant!r} is no candidate of {running.name!r}; it has {sorted(running.candidates)}")
        with storing():
            loop.flush()
            found = study(loop.storage, running.name, level=level, offline=False)
        contrast = found.contrast(variant)
        declared = [Guardrail(name, margin) for name, margin in running.description["guardrails"].items()]
        evidence = Evidence(
            contrast.difference.last,
            {name: trajectory.last for name, trajectory in contrast.guardrails.items()},
            found.mismatch_p,
            int(contrast.difference.units[-1, 1]),
            budget_exhausted,
        )
        whole = replace(asked, guardrails=(*asked.guardrails, *declared))
        shares = running.split.shares
        return whole.evaluate(evidence, shares[variant] / (1 - shares.get(HOLDOUT, 0.0)))


def _payload(ruling: Ruling) -> dict[str, Any]:
    """A ruling as the log keeps it."""
    return {"ruling": {"action": ruling.action.value, "share": ruling.share, "reasons": list(ruling.reasons)}}


def _with_share(loop: Loop, variant: str, share: float) -> dict[str, float]:
    """Weights that give a candidate this share of the units outside the hold-out, the others in proportion."""
    running = experiment_ops.running(loop)
    shares = {
        name: running.split.shares[name] for name in running.split.buckets if name in running.description["weights"]
    }
    rest = sum(value for name, value in shares.items() if name != variant)
    return {name: share if name == variant else (1 - share) * value / rest for name, value in shares.items()}

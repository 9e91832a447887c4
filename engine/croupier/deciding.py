"""What becomes of a candidate, decided on the log's evidence while the engine runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from croupier import trials
from croupier.errors import EvidenceError, InputError, storing
from croupier.experiments.analysis.guardrails import Guardrail
from croupier.experiments.pieces import HOLDOUT
from croupier.experiments.promotion import Action, Evidence, Rule, Ruling
from croupier.experiments.study import study
from croupier.live import Live


def judge(live: Live, variant: str, rule: Rule, spent: bool, level: float) -> Ruling:
    """The ruling on a candidate of the running experiment; nothing is done."""
    running = trials.running(live)
    if variant not in running.candidates:
        raise InputError(f"{variant!r} is no candidate of {running.name!r}; it has {sorted(running.candidates)}")
    with storing():
        live.settled()
        contrast = (found := study(live.storage, running.name, level=level, offline=False)).contrast(variant)
    declared = [Guardrail(name, margin) for name, margin in running.said["guardrails"].items()]
    evidence = Evidence(
        contrast.difference.last,
        {name: course.last for name, course in contrast.guardrails.items()},
        found.mismatch_p,
        int(contrast.difference.units[-1, 1]),
        spent,
    )
    whole = replace(rule, guardrails=(*rule.guardrails, *declared))
    shares = running.split.shares
    return whole.rule(evidence, shares[variant] / (1 - shares.get(HOLDOUT, 0.0)))


def review(live: Live, variant: str, rule: Rule, spent: bool, level: float) -> Ruling:
    """The ruling on a candidate, carried out: its share grows, it becomes the champion, or it is withdrawn."""
    ruling = judge(live, variant, rule, spent, level)
    why = told(ruling)
    match ruling.action:
        case Action.PROMOTE:
            trials.promote(live, variant, why)
        case Action.GROW:
            trials.weigh(live, _with_share(live, variant, ruling.share), why)
        case Action.WITHDRAW:
            others = _with_share(live, variant, 0.0)
            if sum(share > 0 for share in others.values()) > 1:
                trials.weigh(live, others, why)
            else:
                trials.stop(live, why)
    return ruling


def promote(live: Live, variant: str, rule: Rule, level: float) -> Ruling:
    """Make a candidate the champion if the evidence carries it. Raises EvidenceError, with the reasons, if not."""
    ruling = judge(live, variant, rule, False, level)
    if ruling.action is not Action.PROMOTE:
        raise EvidenceError(
            f"{variant!r} is not promoted: {'; '.join(ruling.reasons)}. As it stands the ruling is "
            f"{ruling.action.value!r}; let the experiment go on, or stop it"
        )
    trials.promote(live, variant, told(ruling))
    return ruling


def told(ruling: Ruling) -> dict[str, Any]:
    """A ruling as the log keeps it."""
    return {"ruling": {"action": ruling.action.value, "share": ruling.share, "reasons": list(ruling.reasons)}}


def _with_share(live: Live, variant: str, share: float) -> dict[str, float]:
    """Weights that give a candidate this share of the units outside the hold-out, the others as they stand."""
    running = trials.running(live)
    shares = {name: running.split.shares[name] for name in running.split.held if name in running.said["weights"]}
    rest = sum(value for name, value in shares.items() if name != variant)
    return {name: share if name == variant else (1 - share) * value / rest for name, value in shares.items()}

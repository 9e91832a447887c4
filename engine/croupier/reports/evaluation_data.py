"""Evaluations and comparisons as plain data, including the numbers of refused estimates, with their refusals."""

from __future__ import annotations

from typing import Any

from croupier.evaluation.evidence.verdict import Verdict, judge
from croupier.evaluation.intervals import Interval
from croupier.evaluation.results import Comparison, Difference, Estimate, Evaluation, TargetEvaluation, log_notes


def evaluation_dict(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as plain data."""
    return {
        "counts": evaluation.counts._asdict(),
        "notes": log_notes(evaluation),
        "mean_reward": evaluation.mean_reward,
        "targets": [
            {
                "target": target.label,
                "verdict": _verdict_dict(target.verdict),
                "estimates": {name: _estimate_dict(each) for name, each in target.estimates.items()},
                "diagnostics": target.diagnostics.as_dict(),
                "notes": list(target.notes),
                **({"segments": _segments(target)} if target.history.segments else {}),
            }
            for target in evaluation.targets
        ],
    }


def _segments(target: TargetEvaluation) -> list[dict[str, Any]]:
    """The estimate of the target in each segment, by one estimator."""
    found = []
    for label, tally in target.history.segments.items():
        (estimator,) = tally.estimators
        value, error = estimator.estimate(tally.moments[estimator.name])
        interval = tally.intervals(estimator, target.history.level)["normal"]
        verdict = judge(tally.diagnostics, max_weight=tally.bounds.max_weight)
        found.append(
            {
                "segment": label,
                "rows": tally.diagnostics.count,
                "estimator": estimator.name,
                "value": value,
                "error": error,
                "interval": _interval_dict(interval),
                "verdict": _verdict_dict(verdict),
            }
        )
    return found


def comparison_dict(comparison: Comparison) -> dict[str, Any]:
    """A comparison as plain data."""
    return {
        "estimator": comparison.estimator,
        "leader": comparison.leader,
        "significant": comparison.significant,
        "significant_anytime": comparison.significant_anytime,
        "reason": comparison.reason,
        "differences": [_difference_dict(each) for each in comparison.differences],
        "evaluation": evaluation_dict(comparison.evaluation),
    }


def _difference_dict(difference: Difference) -> dict[str, Any]:
    return {
        "first": difference.first,
        "second": difference.second,
        "value": difference.value,
        "error": difference.error,
        "interval": _interval_dict(difference.interval),
        "sequence": None if difference.sequence is None else _interval_dict(difference.sequence),
        "effective_sample_size": difference.effective_sample_size,
        "verdict": _verdict_dict(difference.verdict),
        "better": difference.better,
        "better_anytime": difference.better_anytime,
    }


def _estimate_dict(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": estimate.value,
        "error": estimate.error,
        "interval": _interval_dict(estimate.interval),
        "intervals": {kind: _interval_dict(each) for kind, each in estimate.intervals.items()},
        "verdict": _verdict_dict(estimate.verdict),
    }


def _interval_dict(interval: Interval) -> dict[str, Any]:
    return interval._asdict()


def _verdict_dict(verdict: Verdict) -> dict[str, Any]:
    refusals = [{**each._asdict(), "cause": each.cause.value} for each in verdict.refusals]
    return {"enough": verdict.enough, "refusals": refusals}

"""A study as plain data."""

from __future__ import annotations

from typing import Any

from croupier.reports.evaluation_data import evaluation_dict
from croupier.reports.study_findings import conclusion, finding, sample_ratio_text, status_text
from croupier.studies.agreement import agreement, summarize_shadows
from croupier.studies.results import Contrast, Study
from croupier.studies.statistics.guardrails import Guardrail
from croupier.studies.statistics.sequences import Trajectory
from croupier.studies.timeline import Timeline


def study_dict(study: Study) -> dict[str, Any]:
    """A study as a dictionary; arrays remain arrays."""
    timeline, test = study.timeline, study.sample_ratio
    return {
        "experiment": dict(timeline.description),
        "started": {"position": timeline.start.position, "at": timeline.start.at},
        "ended": None if timeline.end is None else {"position": timeline.end.position, "at": timeline.end.at},
        "promoted": timeline.promoted,
        "status": status_text(timeline),
        "level": study.level,
        "timeline": [entry._asdict() for entry in timeline.entries],
        "variants": [variant._asdict() for variant in study.variants],
        "reassigned": study.windows.reassigned,
        "contrasts": [_contrast(one, timeline) for one in study.contrasts],
        "sample_ratio": {
            "summary": sample_ratio_text(study),
            "p": study.mismatch_p,
            "mismatch_at": study.mismatch_at,
            "observed": dict(zip(timeline.variants, test.observed, strict=True)),
            "expected": dict(zip(timeline.variants, test.expected, strict=True)),
            "over_time": {"at": study.assigned_at, "p": test.p},
        },
        "shadows": _shadows(study),
    }


def _shadows(study: Study) -> list[dict[str, Any]]:
    logged, *others = [None] * (1 + len(study.shadows))
    if study.offline is not None:
        logged, *others = evaluation_dict(study.offline)["targets"]
    over_time = {name: agreement(decisions)._asdict() for name, decisions in study.shadows.items()}
    return [
        {**shadow._asdict(), "over_time": over_time[shadow.name], "offline": offline, "offline_logged": logged}
        for shadow, offline in zip(summarize_shadows(study), others, strict=False)
    ]


def _contrast(contrast: Contrast, timeline: Timeline) -> dict[str, Any]:
    margins = timeline.description["guardrails"]
    return {
        "treatment": contrast.treatment,
        "control": contrast.control,
        "finding": conclusion(contrast),
        "summary": finding(contrast),
        "difference": _trajectory(contrast.difference),
        "ratio": _trajectory(contrast.ratio),
        "per_decision": _trajectory(contrast.per_decision),
        "per_decision_ratio": _trajectory(contrast.per_decision_ratio),
        "fixed_horizon": None if contrast.fixed_horizon is None else _trajectory(contrast.fixed_horizon),
        "guardrails": {
            name: {
                **_trajectory(trajectory),
                "margin": margins[name],
                "state": Guardrail(name, margins[name]).state(trajectory.last),
            }
            for name, trajectory in contrast.guardrails.items()
        },
        "metrics": {
            name: {**_trajectory(trajectory), "corrected_p": contrast.corrected_p[name]}
            for name, trajectory in contrast.metrics.items()
        },
        "segments": {label: _trajectory(trajectory) for label, trajectory in contrast.segments.items()},
    }


def _trajectory(trajectory: Trajectory) -> dict[str, Any]:
    columns = ("at", "units", "effective", "value", "low", "high", "p")
    return {
        "enough": trajectory.enough_data,
        "value": trajectory.value[-1],
        "low": trajectory.low[-1],
        "high": trajectory.high[-1],
        "p": trajectory.p[-1],
        "level": trajectory.level,
        "guarantee": trajectory.guarantee,
        "over_time": {name: getattr(trajectory, name) for name in columns},
    }

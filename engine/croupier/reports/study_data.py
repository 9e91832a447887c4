"""An experiment as plain data."""

from __future__ import annotations

from typing import Any

from croupier.reports.evaluation_data import evaluation_dict
from croupier.reports.study_findings import badge, ended, finding, split_said
from croupier.studies.agreement import agreement, shadows
from croupier.studies.results import Contrast, Study
from croupier.studies.statistics.guardrails import Guardrail
from croupier.studies.statistics.sequences import Course
from croupier.studies.timeline import Story


def study_dict(study: Study) -> dict[str, Any]:
    """Everything in a study; arrays stay arrays."""
    story, mismatch = study.story, study.mismatch
    return {
        "experiment": dict(story.said),
        "started": {"position": story.start.position, "at": story.start.at},
        "ended": None if story.end is None else {"position": story.end.position, "at": story.end.at},
        "promoted": story.promoted,
        "said": ended(story),
        "level": study.level,
        "turns": [turn._asdict() for turn in story.turns],
        "variants": [arm._asdict() for arm in study.arms],
        "moved": study.windows.moved,
        "contrasts": [_contrast(one, story) for one in study.contrasts],
        "split": {
            "said": split_said(study),
            "p": study.mismatch_p,
            "in_doubt_since": study.doubted,
            "observed": dict(zip(story.variants, mismatch.observed, strict=True)),
            "expected": dict(zip(story.variants, mismatch.expected, strict=True)),
            "over_time": {"at": study.came, "p": mismatch.p},
        },
        "shadows": _shadows(study),
    }


def _shadows(study: Study) -> list[dict[str, Any]]:
    logged, *others = [None] * (1 + len(study.shadows))
    if study.offline is not None:
        logged, *others = evaluation_dict(study.offline)["targets"]
    over_time = {name: agreement(said)._asdict() for name, said in study.shadows.items()}
    return [
        {**shadow._asdict(), "over_time": over_time[shadow.name], "offline": offline, "offline_logged": logged}
        for shadow, offline in zip(shadows(study), others, strict=False)
    ]


def _contrast(contrast: Contrast, story: Story) -> dict[str, Any]:
    margins = story.said["guardrails"]
    return {
        "treatment": contrast.treatment,
        "control": contrast.control,
        "finding": badge(contrast),
        "said": finding(contrast),
        "difference": _course(contrast.difference),
        "ratio": _course(contrast.ratio),
        "per_decision": _course(contrast.per_decision),
        "per_decision_ratio": _course(contrast.per_decision_ratio),
        "fixed_horizon": None if contrast.fixed is None else _course(contrast.fixed),
        "guardrails": {
            name: {
                **_course(course),
                "margin": margins[name],
                "state": Guardrail(name, margins[name]).state(course.last),
            }
            for name, course in contrast.guardrails.items()
        },
        "metrics": {
            name: {**_course(course), "corrected_p": contrast.corrected[name]}
            for name, course in contrast.metrics.items()
        },
        "segments": {label: _course(course) for label, course in contrast.segments.items()},
    }


def _course(course: Course) -> dict[str, Any]:
    over_time = {name: getattr(course, name) for name in ("at", "units", "effective", "value", "low", "high", "p")}
    return {
        "enough": course.told,
        "value": course.value[-1],
        "low": course.low[-1],
        "high": course.high[-1],
        "p": course.p[-1],
        "level": course.level,
        "guarantee": course.guarantee,
        "over_time": over_time,
    }

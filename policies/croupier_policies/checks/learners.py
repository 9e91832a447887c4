# ruff: noqa: S101  (these are tests: asserting is their work)
"""Checks of learners: bounded estimates and progressive validation loss."""

from __future__ import annotations

import math
from collections.abc import Callable

from croupier_policies.base import Learner
from croupier_policies.checks import events
from croupier_policies.checks.common import COMMON, query, train

LearnerFactory = Callable[[], Learner]


def check_predictions_are_rewards(make: LearnerFactory) -> None:
    """Every estimate is between 0 and 1 at every stage of learning."""
    for log in events.logs(60):
        learner = make()
        for event in log:
            estimates = query(learner, event)
            assert ((estimates >= 0.0) & (estimates <= 1.0)).all(), estimates
            train(learner, [event])


def check_loss_is_progressive(make: LearnerFactory) -> None:
    """The loss is that of the predictions before each event was learned; NaN before the first."""
    for log in events.logs(40):
        learner, squares = make(), 0.0
        assert math.isnan(learner.loss), "the loss before the first event is not NaN"
        for n, event in enumerate(log, 1):
            squares += (event.rewards[event.chosen] - query(learner, event)[event.chosen]) ** 2
            train(learner, [event])
            assert math.isclose(learner.loss, squares / n, rel_tol=1e-9), "the loss is not that of the predictions"


LEARNER_CHECKS: tuple[Callable[[LearnerFactory], None], ...] = (
    *COMMON,
    check_predictions_are_rewards,
    check_loss_is_progressive,
)


def check_learner(make: LearnerFactory) -> None:
    """Run every check on a learner; `make` returns an untrained one. Raises AssertionError."""
    for check in LEARNER_CHECKS:
        check(make)

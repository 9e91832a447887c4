# ruff: noqa: S101  (these are tests: asserting is their work)
"""What holds for learners: bounded estimates and an honest loss."""

from __future__ import annotations

import math
from collections.abc import Callable

from croupier_policies.base import Learner
from croupier_policies.checks import events
from croupier_policies.checks.common import COMMON, query, train

LearnerFactory = Callable[[], Learner]


def check_predictions_are_rewards(make: LearnerFactory) -> None:
    """Every estimate lies between 0 and 1, however far learning has gone."""
    for log in events.logs(60):
        learner = make()
        for event in log:
            estimates = query(learner, event)
            assert ((estimates >= 0.0) & (estimates <= 1.0)).all(), estimates
            train(learner, [event])


def check_loss_is_progressive(make: LearnerFactory) -> None:
    """The loss is that of the predictions made before each event was learned; NaN before the first."""
    for log in events.logs(40):
        learner, squares = make(), 0.0
        assert math.isnan(learner.loss), "a loss without an event"
        for n, event in enumerate(log, 1):
            squares += (event.rewards[event.chosen] - query(learner, event)[event.chosen]) ** 2
            train(learner, [event])
            assert math.isclose(learner.loss, squares / n, rel_tol=1e-9), "another loss than the predictions had"


LEARNER_CHECKS: tuple[Callable[[LearnerFactory], None], ...] = (
    *COMMON,
    check_predictions_are_rewards,
    check_loss_is_progressive,
)


def check_learner(make: LearnerFactory) -> None:
    """Hold a learner to every check; `make` gives an untaught one. Raises AssertionError."""
    for check in LEARNER_CHECKS:
        check(make)

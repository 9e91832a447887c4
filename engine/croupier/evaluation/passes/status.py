"""What became of a decision: the states that a log, every export and every evaluation keep apart."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from croupier.log.rewards import Rewards, RewardState


class Status(StrEnum):
    """What is known of a decision's reward; the first four count in an estimate, the others are left out and told."""

    OBSERVED = "observed"  # a reward came in time, a reward of 0 among them
    LATE = "late"  # it came, at least in part, after the window had closed
    DEFAULTED = "defaulted"  # the window closed without one, and the declared default stands in
    CORRECTED = "corrected"  # what had been logged was put right
    MISSING = "missing"  # nothing was ever said of it
    OPEN = "open"  # its window has not closed yet
    RETRACTED = "retracted"  # what had been logged was taken back
    NOT_SHOWN = "not-shown"  # deferred, and never activated
    OTHER_ACTION = "other-action"  # another action was taken than the one drawn


COUNTED = (Status.OBSERVED, Status.LATE, Status.DEFAULTED, Status.CORRECTED)
#: What a reader must know of each, behind how many of the decisions it is true of.
TOLD = {
    Status.LATE: "count with a reward that came late",
    Status.DEFAULTED: "count with the declared default, for want of a reward",
    Status.CORRECTED: "count with a corrected reward",
    Status.MISSING: (
        "have no reward and are left out: where that means a reward of 0, log the 0, or the estimates are wrong"
    ),
    Status.OPEN: (
        "are left out, their windows still open: rewards that come fast are then too many among those that count"
    ),
    Status.RETRACTED: "were retracted and are left out",
    Status.NOT_SHOWN: "were deferred, never shown and are left out",
    Status.OTHER_ACTION: "are left out: another action was taken than the one drawn, with no known propensity",
}


def status(reward_state: RewardState, rule: Rewards) -> Status:
    """What became of a decision, by the facts about it; counted just where `RewardState.effective` gives a reward.

    >>> status(RewardState(), Rewards()), status(RewardState(deferred=True), Rewards())
    (<Status.MISSING: 'missing'>, <Status.NOT_SHOWN: 'not-shown'>)
    """
    if not reward_state.activated:
        return Status.NOT_SHOWN
    if reward_state.taken is not None:
        return Status.OTHER_ACTION
    if reward_state.retracted:
        return Status.RETRACTED
    if rule.aggregate != "first" and not reward_state.closed:
        return Status.OPEN
    if reward_state.corrected is not None:
        return Status.CORRECTED
    if reward_state.late and (rule.aggregate != "first" or not reward_state.rewards):
        return Status.LATE
    if reward_state.rewards:
        return Status.OBSERVED
    if not reward_state.closed:
        return Status.MISSING if rule.window is None else Status.OPEN
    return Status.MISSING if rule.default is None else Status.DEFAULTED


def told(counts: Mapping[str, int], decisions: int) -> list[str]:
    """What a reader must know of how many decisions.

    >>> told({"observed": 90, "late": 10}, 100)
    ['10 of 100 decisions count with a reward that came late']
    """
    return [f"{counts[each]:,} of {decisions:,} decisions {said}" for each, said in TOLD.items() if counts.get(each, 0)]

"""The status of a decision's reward, as exports and evaluations distinguish it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from croupier.log.rewards import Rewards, RewardState


class DecisionStatus(StrEnum):
    """The status of a decision's reward; decisions of the first four are used, the others are left out and counted.

    The values are stored in exports (`reward_status`, and `_status` in dsjson), so they must not change.
    """

    OBSERVED = "observed"  # a reward arrived in time; 0 is a reward
    LATE = "late"  # it arrived, at least in part, after the window had closed
    DEFAULTED = "defaulted"  # the window closed without one, so the declared default is used
    CORRECTED = "corrected"  # the logged reward was corrected
    MISSING = "missing"  # no reward was ever logged
    OPEN = "open"  # its window has not closed yet
    RETRACTED = "retracted"  # the logged reward was retracted
    NOT_SHOWN = "not-shown"  # deferred and never activated
    OTHER_ACTION = "other-action"  # another action was taken than the one drawn


USABLE = (DecisionStatus.OBSERVED, DecisionStatus.LATE, DecisionStatus.DEFAULTED, DecisionStatus.CORRECTED)
#: The note on each status, after the number of decisions that have it.
STATUS_NOTES = {
    DecisionStatus.LATE: "are used with a reward that arrived late",
    DecisionStatus.DEFAULTED: "have no reward and are used with the declared default",
    DecisionStatus.CORRECTED: "are used with a corrected reward",
    DecisionStatus.MISSING: (
        "have no reward and are left out: if that means a reward of 0, the estimates are biased; log the 0"
    ),
    DecisionStatus.OPEN: (
        "are left out, because their windows are still open: rewards that arrive early are then over-represented"
    ),
    DecisionStatus.RETRACTED: "were retracted and are left out",
    DecisionStatus.NOT_SHOWN: "were deferred and never activated, and are left out",
    DecisionStatus.OTHER_ACTION: "are left out: another action was taken, whose propensity is not known",
}


def status(reward_state: RewardState, rule: Rewards) -> DecisionStatus:
    """The status of a decision, from its reward state; usable exactly where `RewardState.effective` gives a reward.

    >>> status(RewardState(), Rewards()), status(RewardState(deferred=True), Rewards())
    (<DecisionStatus.MISSING: 'missing'>, <DecisionStatus.NOT_SHOWN: 'not-shown'>)
    """
    if not reward_state.activated:
        return DecisionStatus.NOT_SHOWN
    if reward_state.taken is not None:
        return DecisionStatus.OTHER_ACTION
    if reward_state.retracted:
        return DecisionStatus.RETRACTED
    if rule.aggregate != "first" and not reward_state.closed:
        return DecisionStatus.OPEN
    if reward_state.corrected is not None:
        return DecisionStatus.CORRECTED
    if reward_state.late and (rule.aggregate != "first" or not reward_state.rewards):
        return DecisionStatus.LATE
    if reward_state.rewards:
        return DecisionStatus.OBSERVED
    if not reward_state.closed:
        return DecisionStatus.MISSING if rule.window is None else DecisionStatus.OPEN
    return DecisionStatus.MISSING if reward_state.default is None else DecisionStatus.DEFAULTED


def status_notes(counts: Mapping[str, int], decisions: int) -> list[str]:
    """The notes on the statuses that occur.

    >>> status_notes({"observed": 90, "late": 10}, 100)
    ['10 of 100 decisions are used with a reward that arrived late']
    """
    return [
        f"{counts[each]:,} of {decisions:,} decisions {note}"
        for each, note in STATUS_NOTES.items()
        if counts.get(each, 0)
    ]

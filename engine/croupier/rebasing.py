"""What a rebase teaches: every decision once, from what is effective of its story."""

from __future__ import annotations

from typing import TYPE_CHECKING

from croupier.experiments.running import Running, followed
from croupier.log import BEHAVIOUR, Log, batches, until
from croupier.parts import Given
from croupier_storage import Kind

if TYPE_CHECKING:
    from croupier.fold import Fold, Progress


def teach(new: Fold, effective: int, progress: Progress | None = None) -> None:
    """Teach an untaught fold what is effective at a position.

    Up to there every decision is learned once, in order of position, from its outcome as it stands: late rewards in
    place, corrections made, retractions gone. The order in which rewards arrived does not matter.
    """
    rule = new.configuration.rewards
    new.running, start = _in_force(new.log, new.given, effective)
    behaved = until(new.log.storage.facts(0, effective, kinds=BEHAVIOUR))
    for batch in batches(new.log.standings(effective, rule), new.log.batch):
        outcomes = [standing.effective(rule) for _, standing in batch]
        for (fact, decided), outcome in zip(new.log.decoded(fact for fact, _ in batch), outcomes, strict=True):
            for earlier in behaved(fact.position):
                new.apply(earlier)
            new.shaped(decided.context)
            if new.running is not None and fact.position > start:
                new.running.freeze(new.parts.policy)
            if outcome is not None:
                new.learn(fact, decided, outcome, fact.unit)
        if progress is not None:
            progress(batch[-1][0].position, effective)
    if new.running is not None:
        new.running.freeze(new.parts.policy)
    for last in behaved(effective + 1):
        new.apply(last)
    new.position = effective


def _in_force(log: Log, given: Given, upto: int) -> tuple[Running | None, int]:
    """The experiment in force at a position, its policies untaught, and the position of its start."""
    running, start = None, 0
    for fact in log.storage.facts(0, upto, kinds=(Kind.EXPERIMENT.value, Kind.PROMOTION.value)):
        before, running = running, followed(running, fact, given)
        start = start if running is before else fact.position
    return running, start

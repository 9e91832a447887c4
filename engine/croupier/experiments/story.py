"""What the log tells of an experiment: its start, the weights over time, its end."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from croupier.errors import EvidenceError
from croupier.experiments.assignment import Split
from croupier.experiments.pieces import HOLDOUT
from croupier_storage import Fact, Kind, Storage


class Story(NamedTuple):
    """An experiment as the log has it.

    Attributes:
        said: What it was started with; see `Experiment.said`.
        start: The fact that started it.
        end: The fact that ended it; None while it runs.
        weighed: Position and time from which on the shares below were in force.
        shares: Of every variant, at each of these.
        head: The last position of the log, and `now` the latest time in it.
    """

    said: Mapping[str, Any]
    start: Fact
    end: Fact | None
    weighed: list[tuple[int, float]]
    shares: list[Mapping[str, float]]
    head: int
    now: float

    @property
    def name(self) -> str:
        """Of the experiment."""
        return str(self.said["name"])

    @property
    def variants(self) -> list[str]:
        """The champion, the candidates in order of name, and the hold-out where there is one."""
        champion = self.said["champion"]
        candidates = sorted({*self.said["weights"]} - {champion})
        return [champion, *candidates, *([HOLDOUT] if self.said["holdout"] else [])]

    def in_force(self, as_of: int) -> Mapping[str, float]:
        """The shares when a state of this position decided."""
        return self.shares[bisect_right(self.weighed, as_of, key=lambda at: at[0]) - 1]

    @property
    def upto(self) -> int:
        """The last position at which a decision of the experiment can stand."""
        return self.head if self.end is None else self.end.position


def stories(storage: Storage) -> list[Story]:
    """Every experiment of a log, in order of their starts."""
    kinds, found = (Kind.EXPERIMENT.value, Kind.PROMOTION.value), list[Story]()
    head = storage.head()
    last = storage.at([head]) if head else {}
    now, split = last[head].at if head in last else 0.0, Split({})
    for fact in storage.facts(0, head, kinds=kinds):
        body = orjson.loads(fact.body or b"{}")
        match body.get("event"):
            case "start":
                split = Split.of(body["weights"], body["holdout"])
                found.append(Story(body, fact, None, [(fact.position, fact.at)], [split.shares], head, now))
            case "weights":
                split = split.changed(body["weights"])
                found[-1].weighed.append((fact.position, fact.at))
                found[-1].shares.append(split.shares)
            case _:
                found[-1] = found[-1]._replace(end=fact)
    return found


def story(storage: Storage, name: str | None = None) -> Story:
    """The experiment of this name, the last one by default. Raises EvidenceError where there is none."""
    found = stories(storage)
    fits = [one for one in found if name is None or one.name == name]
    if not fits:
        there = ", ".join(repr(one.name) for one in found) or "none"
        raise EvidenceError(f"the log has no experiment {name or ''}; it has: {there}. `Engine.start` begins one")
    return fits[-1]

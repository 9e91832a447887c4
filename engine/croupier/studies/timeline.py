"""What the log tells of an experiment: its start, the weights over time, its end."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from croupier.errors import EvidenceError
from croupier.state.experiment.assignment import Split
from croupier.state.experiment.buckets import HOLDOUT
from croupier_storage import Fact, Kind, Storage


class Turn(NamedTuple):
    """What a fact made of an experiment.

    Attributes:
        position: Of the fact.
        at: When.
        event: "start", "weights", "stop" or "promotion".
        shares: Of every variant from then on; what they were before at an end.
        ruling: Why, where a rule decided it: action, share, reasons.
    """

    position: int
    at: float
    event: str
    shares: Mapping[str, float]
    ruling: Mapping[str, Any] | None


class Story(NamedTuple):
    """An experiment as the log has it.

    Attributes:
        said: What it was started with; see `Experiment.said`.
        start: The fact that started it.
        end: The fact that ended it; None while it runs.
        turns: Its start, every change of weights, and its end.
        head: The last position of the log, and `now` the time of the fact there.
    """

    said: Mapping[str, Any]
    start: Fact
    end: Fact | None
    turns: list[Turn]
    head: int
    now: float

    @property
    def name(self) -> str:
        """Of the experiment."""
        return str(self.said["name"])

    @property
    def champion(self) -> str:
        """The variant that candidates are compared with."""
        return str(self.said["champion"])

    @property
    def candidates(self) -> list[str]:
        """The other variants, in order of name."""
        return sorted({*self.said["weights"]} - {self.champion})

    @property
    def variants(self) -> list[str]:
        """The champion, the candidates, and the hold-out where there is one."""
        return [self.champion, *self.candidates, *([HOLDOUT] if self.said["holdout"] else [])]

    def in_force(self, as_of: int) -> Mapping[str, float]:
        """The shares when a state of this position decided."""
        return self.turns[bisect_right(self.turns, as_of, key=lambda turn: turn.position) - 1].shares

    @property
    def upto(self) -> int:
        """The last position at which a decision of the experiment can stand."""
        return self.head if self.end is None else self.end.position

    @property
    def promoted(self) -> str | None:
        """The variant that became the champion, if one did."""
        if self.end is None or self.end.kind != Kind.PROMOTION:
            return None
        return str(orjson.loads(self.end.body or b"{}")["variant"])


def stories(storage: Storage) -> list[Story]:
    """Every experiment of a log, in order of their starts."""
    kinds, found = (Kind.EXPERIMENT.value, Kind.PROMOTION.value), list[Story]()
    head = storage.head()
    last = storage.facts_at([head]) if head else {}
    now, split = last[head].at if head in last else 0.0, Split({})
    for fact in storage.facts(0, head, kinds=kinds):
        body = orjson.loads(fact.body or b"{}")
        match event := body.get("event", "promotion"):
            case "start":
                split = Split.of(body["weights"], body["holdout"])
                found.append(Story(body, fact, None, [], head, now))
            case "weights":
                split = split.changed(body["weights"])
            case _:
                found[-1] = found[-1]._replace(end=fact)
        found[-1].turns.append(Turn(fact.position, fact.at, event, split.shares, body.get("ruling")))
    return found


def story(storage: Storage, name: str | None = None) -> Story:
    """The experiment of this name, the last one by default. Raises EvidenceError where there is none."""
    found = stories(storage)
    fits = [one for one in found if name is None or one.name == name]
    if not fits:
        there = ", ".join(repr(one.name) for one in found)
        asked = "no experiment" if name is None else f"no experiment {name!r}"
        raise EvidenceError(
            f"the log has {asked}{f'; it has {there}' if there else ''}. `Engine.start` begins one; to compare "
            "policies on a log without one, give targets"
        )
    return fits[-1]

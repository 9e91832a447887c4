"""The course of an experiment in the log: its start, its weights over time, and its end."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from croupier.errors import EvidenceError
from croupier.state.experiment.assignment import Split
from croupier.state.experiment.buckets import HOLDOUT
from croupier_storage import Fact, Kind, Storage


class TimelineEntry(NamedTuple):
    """The start of an experiment, a change of its weights, or its end.

    Attributes:
        position: Position of the fact in the log.
        at: Time of the fact, in seconds.
        event: "start", "weights", "stop" or "promotion".
        shares: Share of units of every variant from then on; at the end, the last shares in force.
        ruling: The promotion rule's action, share and reasons; None where no rule decided.
    """

    position: int
    at: float
    event: str
    shares: Mapping[str, float]
    ruling: Mapping[str, Any] | None


class Timeline(NamedTuple):
    """An experiment as the log records it.

    Attributes:
        description: The experiment's definition; see `Experiment.description`.
        start: The fact that started it.
        end: The fact that ended it; None while it runs.
        entries: Its start, every change of weights, and its end.
        head: Last position of the log.
        now: Time of the fact at `head`, in seconds.
    """

    description: Mapping[str, Any]
    start: Fact
    end: Fact | None
    entries: list[TimelineEntry]
    head: int
    now: float

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return str(self.description["name"])

    @property
    def champion(self) -> str:
        """The variant that candidates are compared with."""
        return str(self.description["champion"])

    @property
    def candidates(self) -> list[str]:
        """The other variants, in order of name."""
        return sorted({*self.description["weights"]} - {self.champion})

    @property
    def variants(self) -> list[str]:
        """The champion, the candidates, and the hold-out if there is one."""
        return [self.champion, *self.candidates, *([HOLDOUT] if self.description["holdout"] else [])]

    def shares_at(self, as_of: int) -> Mapping[str, float]:
        """The shares in force at a position of the log."""
        return self.entries[bisect_right(self.entries, as_of, key=lambda entry: entry.position) - 1].shares

    @property
    def last_position(self) -> int:
        """The last position at which a decision of the experiment can stand."""
        return self.head if self.end is None else self.end.position

    @property
    def promoted(self) -> str | None:
        """The variant that became the champion; None if none did."""
        if self.end is None or self.end.kind != Kind.PROMOTION:
            return None
        return str(orjson.loads(self.end.body or b"{}")["variant"])


def read_timelines(storage: Storage) -> list[Timeline]:
    """Every experiment of a log, in order of start."""
    kinds, found = (Kind.EXPERIMENT.value, Kind.PROMOTION.value), list[Timeline]()
    head = storage.head()
    last = storage.facts_at([head]) if head else {}
    now, split = last[head].at if head in last else 0.0, Split({})
    for fact in storage.facts(0, head, kinds=kinds):
        body = orjson.loads(fact.body or b"{}")
        match event := body.get("event", "promotion"):
            case "start":
                split = Split.from_weights(body["weights"], body["holdout"])
                found.append(Timeline(body, fact, None, [], head, now))
            case "weights":
                split = split.with_weights(body["weights"])
            case _:
                found[-1] = found[-1]._replace(end=fact)
        found[-1].entries.append(TimelineEntry(fact.position, fact.at, event, split.shares, body.get("ruling")))
    return found


def find_timeline(storage: Storage, name: str | None = None) -> Timeline:
    """The experiment of this name; the last one by default. Raises EvidenceError if there is none."""
    found = read_timelines(storage)
    matches = [timeline for timeline in found if name is None or timeline.name == name]
    if not matches:
        names = ", ".join(repr(timeline.name) for timeline in found)
        missing = "no experiment" if name is None else f"no experiment {name!r}"
        raise EvidenceError(
            f"the log has {missing}{f'; it has {names}' if names else ''}. `engine.experiments.start` starts one; to "
            "compare policies on a log without an experiment, give targets"
        )
    return matches[-1]

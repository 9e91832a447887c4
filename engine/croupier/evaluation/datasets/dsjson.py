"""Logs of Vowpal Wabbit's decision service: a line of JSON for each decision."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from croupier.evaluation.datasets.base import BATCH, Batch, Dataset
from croupier.evaluation.datasets.columns import moment


class Line(NamedTuple):
    """One decision: reward, propensity, action, candidates, time and p_drop."""

    reward: float
    propensity: float
    action: str
    candidates: int
    at: float
    p_drop: float


class LeftOut(Exception):
    """Why a line is no row."""


class DsJson(Dataset):
    """A `.dsjson` file. Its costs become rewards, r = −cost; an action is called by its `_tag`, or else its number.

    What is left out is counted by reason: malformed lines, dangling outcomes (of no decision in the file), lines marked
    `_skipLearn`, decisions without an outcome, and decisions with several slots (conditional bandits and slates).

    Args:
        path: Of the file.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(str(path))
        self.path = Path(path)

    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the file."""
        rows: list[Line] = []
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.strip():
                    continue
                try:
                    rows.append(parsed(line))
                except LeftOut as reason:
                    self.left_out[str(reason)] += 1
                if len(rows) == BATCH:
                    yield _batch(rows)
                    rows = []
        if rows:
            yield _batch(rows)


def parsed(line: bytes) -> Line:
    """One line. Raises LeftOut.

    >>> label = b'"_label_cost":-1,"_label_probability":0.5,"_label_Action":2'
    >>> parsed(b'{' + label + b',"a":[2,1],"c":{"_multi":[{},{}]},"p":[0.5,0.5]}')
    Line(reward=1.0, propensity=0.5, action='2', candidates=2, at=nan, p_drop=0.0)
    """
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise LeftOut("malformed: no JSON") from None
    if not isinstance(event, dict):
        raise LeftOut("malformed: no object")
    _usable(event)
    try:
        return _line(event)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise LeftOut(f"malformed: {type(error).__name__} in what a decision must have") from error


def _usable(event: dict[str, Any]) -> None:
    if "_outcomes" in event or "_slots" in event.get("c", {}):
        raise LeftOut("several slots: not a contextual-bandit decision")
    if "RewardValue" in event or ("c" not in event and "_label_cost" not in event):
        raise LeftOut("dangling: an outcome of no decision in the file")
    if event.get("_skipLearn"):
        raise LeftOut("skipped: marked _skipLearn")
    if "_label_cost" not in event:
        raise LeftOut("no outcome")


def _line(event: dict[str, Any]) -> Line:
    action, ids, probabilities = int(event["_label_Action"]), event["a"], event["p"]
    propensity = float(event["_label_probability"])
    zero = 0 in ids  # some writers count `a` from 0
    if action - zero in ids and len(probabilities) == len(ids):
        _agree(propensity, float(probabilities[ids.index(action - zero)]), probabilities)
    else:
        raise LeftOut("malformed: the action is no candidate")
    multi = event["c"]["_multi"]
    name = str(multi[action - 1].get("_tag", action))
    at = moment(event.get("Timestamp", ""))
    return Line(-float(event["_label_cost"]), propensity, name, len(multi), at, float(event.get("pdrop", 0.0)))


def _agree(propensity: float, own: float, probabilities: list[float]) -> None:
    """They may differ as single precision does."""
    if abs(sum(probabilities) - 1.0) > 1e-3:
        raise LeftOut("contradictory: its probabilities do not sum to 1")
    if abs(propensity - own) > 1e-3:
        raise LeftOut("contradictory: the propensity is not the action's probability in `p`")


def _batch(rows: list[Line]) -> Batch:
    reward, propensity, action, candidates, at, drop = zip(*rows, strict=True)
    dropped = np.array(drop)
    return Batch(
        reward=np.array(reward),
        propensity=np.array(propensity),
        action=np.array(action, dtype=np.str_),
        candidates=np.array(candidates, dtype=np.float64),
        at=None if np.isnan(at).all() else np.array(at),
        copies=1.0 / (1.0 - dropped) if dropped.any() else None,
    )

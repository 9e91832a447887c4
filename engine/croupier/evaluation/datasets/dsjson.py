"""Logs of Vowpal Wabbit's decision service: a line of JSON for each decision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.base import BATCH, Batch, Dataset, Round
from croupier.evaluation.datasets.columns import moment
from croupier.evaluation.datasets.counted import KNOWN
from croupier.evaluation.datasets.flat import flat
from croupier.evaluation.datasets.rounds import decided
from croupier.evaluation.passes.status import COUNTED, Status
from croupier.log.validation import CandidateSets


class Line(NamedTuple):
    """One decision: reward, propensity, action, candidates, time, p_drop and what became of it."""

    reward: float
    propensity: float
    action: str
    candidates: int
    at: float
    p_drop: float
    status: str


class LeftOut(Exception):
    """Why a line is no row."""


class DsJson(Dataset):
    """A `.dsjson` file. Its costs become rewards, r = −cost; an action is called by its `_tag`, or else its number.

    A decision without an outcome is `missing`, one marked `_skipLearn` `not-shown`, one whose list of outcomes is empty
    `defaulted`. What is no row is counted by reason: malformed and contradictory lines, dangling outcomes (of no
    decision in the file), and decisions with several slots (conditional bandits and slates).

    Args:
        path: Of the file.
    """

    drops = True

    def __init__(self, path: str | Path) -> None:
        super().__init__(str(path))
        self.path = Path(path)

    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the file."""
        rows: list[Line] = []
        kept: list[bytes] = []
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.strip():
                    continue
                try:
                    rows.append(parsed(line))
                    kept.append(line)
                except LeftOut as reason:
                    self.left_out[str(reason)] += 1
                if len(rows) == BATCH:
                    yield _batch(rows, kept)
                    rows, kept = [], []
        if rows:
            yield _batch(rows, kept)


def parsed(line: bytes) -> Line:
    """One line. Raises LeftOut.

    >>> label = b'"_label_cost":-1,"_label_probability":0.5,"_label_Action":2'
    >>> parsed(b'{' + label + b',"a":[2,1],"c":{"_multi":[{},{}]},"p":[0.5,0.5]}')
    Line(reward=1.0, propensity=0.5, action='2', candidates=2, at=nan, p_drop=0.0, status='observed')
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
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise LeftOut(f"malformed: {type(error).__name__} in what a decision must have") from error


def _usable(event: dict[str, Any]) -> None:
    if "_outcomes" in event or "_slots" in event.get("c", {}):
        raise LeftOut("several slots: not a contextual-bandit decision")
    if "RewardValue" in event or ("c" not in event and "_label_cost" not in event):
        raise LeftOut("dangling: an outcome of no decision in the file")


def _line(event: dict[str, Any]) -> Line:
    ids, probabilities = event["a"], event["p"]
    zero = 0 in ids  # some writers count `a` from 0
    action = int(event["_label_Action"]) if "_label_Action" in event else int(ids[0]) + zero
    if action - zero not in ids or len(probabilities) != len(ids):
        raise LeftOut("malformed: the action is no candidate")
    own = float(probabilities[ids.index(action - zero)])
    propensity = float(event.get("_label_probability", own))
    _agree(propensity, own, probabilities)
    multi, status = event["c"]["_multi"], _status(event)
    reward = 0.0 - float(event["_label_cost"]) if status in COUNTED else np.nan
    at, drop = moment(event.get("Timestamp", "")), float(event.get("pdrop", 0.0))
    if not 0.0 <= drop < 1.0:
        raise LeftOut("contradictory: a pdrop with which no line is kept")
    return Line(reward, propensity, names(multi)[action - 1], len(multi), at, drop, status.value)


def names(multi: Sequence[dict[str, Any]]) -> list[str]:
    """What candidates are called: by their tags where each has its own, or else by their numbers.

    >>> names([{"_tag": "x"}, {"_tag": "y"}]), names([{"_tag": "x"}, {}])
    (['x', 'y'], ['1', '2'])
    """
    tags = [str(each["_tag"]) for each in multi if each.get("_tag")]
    return tags if len(set(tags)) == len(multi) else [str(k + 1) for k in range(len(multi))]


def _status(event: dict[str, Any]) -> Status:
    if "_status" in event:
        if event["_status"] not in KNOWN:
            raise LeftOut("malformed: a status that no decision can have")
        return Status(event["_status"])
    if event.get("_skipLearn"):
        return Status.NOT_SHOWN
    if "_label_cost" not in event:
        return Status.MISSING
    return Status.DEFAULTED if event.get("o") == [] else Status.OBSERVED


def _agree(propensity: float, own: float, probabilities: list[float]) -> None:
    """They may differ as single precision does."""
    if abs(sum(probabilities) - 1.0) > 1e-3:
        raise LeftOut("contradictory: its probabilities do not sum to 1")
    if abs(propensity - own) > 1e-3:
        raise LeftOut("contradictory: the propensity is not the action's probability in `p`")


def _batch(rows: list[Line], lines: list[bytes]) -> Batch:
    reward, propensity, action, candidates, at, drop, status = zip(*rows, strict=True)
    dropped = np.array(drop)
    return Batch(
        reward=np.array(reward),
        propensity=np.array(propensity),
        action=np.array(action, dtype=np.str_),
        candidates=np.array(candidates, dtype=np.float64),
        at=np.array(at),
        copies=1.0 / (1.0 - dropped) if dropped.any() else None,
        status=np.array(status, dtype=np.str_),
        rounds=partial(_rounds, lines, rows),
    )


def _rounds(lines: list[bytes], rows: list[Line]) -> Iterator[Round]:
    sets = CandidateSets()
    for text, line in zip(lines, rows, strict=True):
        event = orjson.loads(text)
        multi = event["c"].pop("_multi")
        features = [flat(each) for each in multi]
        ids = names(multi)
        offered = dict(zip(ids, features, strict=True)) if any(features) else ids
        try:
            known = decided(flat(event["c"]), sets.encode(offered, ()).actions, line.action, line.propensity)
        except InputError as error:
            raise EvidenceError(f"a line holds what no policy can be shown: {error}") from error
        logged, zero = np.zeros(len(multi)), 0 in event["a"]
        logged[np.array(event["a"]) - (not zero)] = event["p"]
        yield Round(known, logged / logged.sum())

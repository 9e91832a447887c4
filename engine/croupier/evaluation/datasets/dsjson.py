"""Logs of Vowpal Wabbit's decision service (dsjson): one line of JSON for each decision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.base import BATCH, Batch, Dataset, Round
from croupier.evaluation.datasets.columns import parse_time
from croupier.evaluation.datasets.namespaces import flatten
from croupier.evaluation.datasets.rounds import to_decision
from croupier.evaluation.datasets.usable import STATUS_NAMES
from croupier.evaluation.passes.status import USABLE, DecisionStatus
from croupier.log.validation import CandidateSets


class DsJsonLine(NamedTuple):
    """One decision: reward, propensity, action, number of candidates, time, p_drop and status of the reward."""

    reward: float
    propensity: float
    action: str
    candidates: int
    at: float
    p_drop: float
    status: str


class SkippedLine(Exception):
    """Why a line is skipped."""


class DsJson(Dataset):
    """A `.dsjson` file. Its costs become rewards, r = −cost; an action's id is its `_tag`, or else its number.

    A decision without an outcome is `missing`, one marked `_skipLearn` `not-shown`, one whose list of outcomes is empty
    `defaulted`. Skipped lines are counted by reason: malformed and contradictory lines, outcomes of decisions
    that are not in the file, and decisions with several slots (conditional bandits and slates).

    Args:
        path: The path of the file.
    """

    subsampled = True

    def __init__(self, path: str | Path) -> None:
        super().__init__(str(path))
        self.path = Path(path)

    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the file."""
        rows: list[DsJsonLine] = []
        kept: list[bytes] = []
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.strip():
                    continue
                try:
                    rows.append(parse_line(line))
                    kept.append(line)
                except SkippedLine as reason:
                    self.skipped[str(reason)] += 1
                if len(rows) == BATCH:
                    yield _batch(rows, kept)
                    rows, kept = [], []
        if rows:
            yield _batch(rows, kept)


def parse_line(line: bytes) -> DsJsonLine:
    """One line. Raises LeftOut.

    >>> label = b'"_label_cost":-1,"_label_probability":0.5,"_label_Action":2'
    >>> parse_line(b'{' + label + b',"a":[2,1],"c":{"_multi":[{},{}]},"p":[0.5,0.5]}')
    DsJsonLine(reward=1.0, propensity=0.5, action='2', candidates=2, at=nan, p_drop=0.0, status='observed')
    """
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise SkippedLine("malformed: not JSON") from None
    if not isinstance(event, dict):
        raise SkippedLine("malformed: not an object")
    _usable(event)
    try:
        return _line(event)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise SkippedLine(f"malformed: {type(error).__name__} in a required field") from error


def _usable(event: dict[str, Any]) -> None:
    if "_outcomes" in event or "_slots" in event.get("c", {}):
        raise SkippedLine("several slots: not a contextual-bandit decision")
    if "RewardValue" in event or ("c" not in event and "_label_cost" not in event):
        raise SkippedLine("dangling: an outcome whose decision is not in the file")


def _line(event: dict[str, Any]) -> DsJsonLine:
    ids, probabilities = event["a"], event["p"]
    zero = 0 in ids  # some writers count `a` from 0
    action = int(event["_label_Action"]) if "_label_Action" in event else int(ids[0]) + zero
    if action - zero not in ids or len(probabilities) != len(ids):
        raise SkippedLine("malformed: the action is not a candidate")
    own = float(probabilities[ids.index(action - zero)])
    propensity = float(event.get("_label_probability", own))
    _check_propensity(propensity, own, probabilities)
    multi, status = event["c"]["_multi"], _status(event)
    reward = 0.0 - float(event["_label_cost"]) if status in USABLE else np.nan
    at, drop = parse_time(event.get("Timestamp", "")), float(event.get("pdrop", 0.0))
    if not 0.0 <= drop < 1.0:
        raise SkippedLine("contradictory: a pdrop outside [0, 1)")
    return DsJsonLine(reward, propensity, candidate_ids(multi)[action - 1], len(multi), at, drop, status.value)


def candidate_ids(multi: Sequence[dict[str, Any]]) -> list[str]:
    """The ids of the candidates: their tags where these are distinct, or else their numbers.

    >>> candidate_ids([{"_tag": "x"}, {"_tag": "y"}]), candidate_ids([{"_tag": "x"}, {}])
    (['x', 'y'], ['1', '2'])
    """
    tags = [str(each["_tag"]) for each in multi if each.get("_tag")]
    return tags if len(set(tags)) == len(multi) else [str(k + 1) for k in range(len(multi))]


def _status(event: dict[str, Any]) -> DecisionStatus:
    if "_status" in event:
        if event["_status"] not in STATUS_NAMES:
            raise SkippedLine("malformed: an unknown status")
        return DecisionStatus(event["_status"])
    if event.get("_skipLearn"):
        return DecisionStatus.NOT_SHOWN
    if "_label_cost" not in event:
        return DecisionStatus.MISSING
    return DecisionStatus.DEFAULTED if event.get("o") == [] else DecisionStatus.OBSERVED


def _check_propensity(propensity: float, own: float, probabilities: list[float]) -> None:
    """Check that the propensities agree up to single precision. Raises SkippedLine."""
    if abs(sum(probabilities) - 1.0) > 1e-3:
        raise SkippedLine("contradictory: its probabilities do not sum to 1")
    if abs(propensity - own) > 1e-3:
        raise SkippedLine("contradictory: the propensity is not the action's probability in `p`")


def _batch(rows: list[DsJsonLine], lines: list[bytes]) -> Batch:
    reward, propensity, action, candidates, at, drop, status = zip(*rows, strict=True)
    dropped = np.array(drop)
    return Batch(
        reward=np.array(reward),
        propensity=np.array(propensity),
        action=np.array(action, dtype=np.str_),
        candidates=np.array(candidates, dtype=np.float64),
        at=np.array(at),
        subsampling=1.0 / (1.0 - dropped) if dropped.any() else None,
        status=np.array(status, dtype=np.str_),
        rounds=partial(_rounds, lines, rows),
    )


def _rounds(lines: list[bytes], rows: list[DsJsonLine]) -> Iterator[Round]:
    sets = CandidateSets()
    for text, line in zip(lines, rows, strict=True):
        event = orjson.loads(text)
        multi = event["c"].pop("_multi")
        features = [flatten(each) for each in multi]
        ids = candidate_ids(multi)
        candidates = dict(zip(ids, features, strict=True)) if any(features) else ids
        try:
            decision = to_decision(
                flatten(event["c"]), sets.encode(candidates, ()).actions, line.action, line.propensity
            )
        except InputError as error:
            raise EvidenceError(f"a line has a context or candidates that no policy can be given: {error}") from error
        logged, zero = np.zeros(len(multi)), 0 in event["a"]
        logged[np.array(event["a"]) - (not zero)] = event["p"]
        yield Round(decision, logged / logged.sum())

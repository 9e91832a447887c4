"""Logs of Vowpal Wabbit's decision service (dsjson): one line of JSON for each decision."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from croupier.errors import InputError, UnreadableFile
from croupier.evaluation.datasets.base import BATCH, STATUS_NAMES, Batch, Dataset, Round, UnreadableRound
from croupier.evaluation.datasets.columns import parse_time
from croupier.evaluation.datasets.namespaces import flatten
from croupier.evaluation.datasets.rounds import CANDIDATES, to_round, usable_features
from croupier.evaluation.passes.status import USABLE, DecisionStatus
from croupier.log.validation import CandidateSets


class DsJsonLine(NamedTuple):
    """One decision: reward, propensity, action, number of candidates, time, p_drop, status of the reward, event id."""

    reward: float
    propensity: float
    action: str
    candidates: int
    at: float
    p_drop: float
    status: str
    event: str


class SkippedLine(Exception):
    """Why a line is skipped."""


class DsJson(Dataset):
    """A `.dsjson` file. Its costs become rewards, r = −cost; an action's id is its `_tag`, or else its number.

    A decision without an outcome is `missing`, one marked `_skipLearn` `not-shown`, one whose list of outcomes is empty
    `defaulted`. Skipped lines are counted by reason: malformed and contradictory lines, repeated events, outcomes of
    decisions that are not in the file, and decisions with several slots (conditional bandits and slates).

    Args:
        path: The path of the file.
    """

    subsampled = True

    def __init__(self, path: str | Path) -> None:
        super().__init__(str(path), "line")
        self.path = Path(path)

    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the file. Raises UnreadableFile."""
        rows: list[DsJsonLine] = []
        kept: list[bytes] = []
        numbers: list[int] = []
        try:
            with self.path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if not (text := line.removeprefix(b"\xef\xbb\xbf").strip()):
                        continue
                    try:
                        rows.append(parse_line(text))
                    except SkippedLine as reason:
                        self.left_out.count(str(reason), number)
                        continue
                    kept.append(text)
                    numbers.append(number)
                    if len(rows) == BATCH:
                        yield _batch(rows, kept, numbers)
                        rows, kept, numbers = [], [], []
        except OSError as error:
            raise UnreadableFile(f"cannot read {self.path}: {error.strerror or error}") from error
        if rows:
            yield _batch(rows, kept, numbers)


def parse_line(line: bytes) -> DsJsonLine:
    """One line. Raises SkippedLine.

    >>> label = b'"_label_cost":-1,"_label_probability":0.5,"_label_Action":2'
    >>> parse_line(b'{' + label + b',"a":[2,1],"c":{"_multi":[{},{}]},"p":[0.5,0.5]}')[:5]
    (1.0, 0.5, '2', 2, nan)
    """
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise SkippedLine("malformed: not JSON") from None
    if not isinstance(event, dict):
        raise SkippedLine("malformed: not an object")
    _usable(event)
    return _line(event)


def _usable(event: dict[str, Any]) -> None:
    context = event.get("c")
    if "_outcomes" in event or (isinstance(context, dict) and "_slots" in context):
        raise SkippedLine("several slots: not a contextual-bandit decision")
    if "RewardValue" in event or ("c" not in event and "_label_cost" not in event):
        raise SkippedLine("dangling: an outcome whose decision is not in the file")


def _line(event: dict[str, Any]) -> DsJsonLine:
    ids = [_whole(value, "a") for value in _list(event.get("a"), "a")]
    probabilities = [_number(value, "p") for value in _list(event.get("p"), "p")]
    context = event.get("c")
    multi = _list(context.get("_multi") if isinstance(context, dict) else None, "c._multi")
    if not all(isinstance(each, dict) for each in multi):
        raise SkippedLine("malformed: `c._multi` is not a list of objects")
    zero = 0 in ids  # some writers count `a` from 0
    numbers = range(1 - zero, len(multi) + 1 - zero)
    if len(probabilities) != len(ids) or len(set(ids)) != len(ids) or not all(number in numbers for number in ids):
        raise SkippedLine("malformed: `a` and `p` do not give each candidate one probability")
    action = _whole(event["_label_Action"], "_label_Action") if "_label_Action" in event else ids[0] + zero
    if action - zero not in ids:
        raise SkippedLine("malformed: the action is not a candidate")
    own = probabilities[ids.index(action - zero)]
    propensity = _number(event.get("_label_probability", own), "_label_probability")
    _check_propensity(propensity, own, probabilities)
    status, drop = _status(event), _number(event.get("pdrop", 0.0), "pdrop")
    reward = 0.0 - _number(event.get("_label_cost"), "_label_cost") if status in USABLE else math.nan
    if not 0.0 <= drop < 1.0:
        raise SkippedLine("contradictory: a pdrop outside [0, 1)")
    return DsJsonLine(
        reward,
        min(propensity, 1.0),  # in single precision it may be above 1
        candidate_ids(multi)[action - 1],
        len(multi),
        parse_time(event.get("Timestamp", "")),
        drop,
        status.value,
        "" if event.get("EventId") is None else str(event["EventId"]),
    )


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise SkippedLine(f"malformed: `{name}` is not a list of candidates")
    return value


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SkippedLine(f"malformed: `{name}` is not a number")
    return float(value)


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SkippedLine(f"malformed: `{name}` is not a whole number")
    return value


def candidate_ids(multi: Sequence[dict[str, Any]]) -> list[str]:
    """The ids of the candidates: their tags where these are distinct, or else their numbers.

    >>> candidate_ids([{"_tag": "x"}, {"_tag": "y"}]), candidate_ids([{"_tag": "x"}, {}])
    (['x', 'y'], ['1', '2'])
    """
    tags = [str(each["_tag"]) for each in multi if each.get("_tag")]
    return tags if len(set(tags)) == len(multi) else [str(k + 1) for k in range(len(multi))]


def _status(event: dict[str, Any]) -> DecisionStatus:
    if "_status" in event:
        if not isinstance(event["_status"], str) or event["_status"] not in STATUS_NAMES:
            raise SkippedLine("malformed: an unknown status")
        return DecisionStatus(event["_status"])
    if event.get("_skipLearn"):
        return DecisionStatus.NOT_SHOWN
    if "_label_cost" not in event:
        return DecisionStatus.MISSING
    return DecisionStatus.DEFAULTED if event.get("o") == [] else DecisionStatus.OBSERVED


def _check_propensity(propensity: float, own: float, probabilities: list[float]) -> None:
    """Check that the propensities agree up to single precision. Raises SkippedLine."""
    if min(probabilities) < 0.0:
        raise SkippedLine("contradictory: a negative probability in `p`")
    if abs(sum(probabilities) - 1.0) > 1e-3:
        raise SkippedLine("contradictory: its probabilities do not sum to 1")
    if abs(propensity - own) > 1e-3:
        raise SkippedLine("contradictory: the propensity is not the action's probability in `p`")


def _batch(rows: list[DsJsonLine], lines: list[bytes], numbers: list[int]) -> Batch:
    reward, propensity, action, candidates, at, drop, status, event = zip(*rows, strict=True)
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
        event=np.array(event, dtype=np.str_),
        number=np.array(numbers),
    )


def _rounds(lines: list[bytes], rows: list[DsJsonLine]) -> Iterator[Round | UnreadableRound]:
    sets = CandidateSets()
    for text, line in zip(lines, rows, strict=True):
        event = orjson.loads(text)
        multi = event["c"].pop("_multi")
        features = [usable_features(flatten(each)) for each in multi]
        ids = candidate_ids(multi)
        candidates = dict(zip(ids, features, strict=True)) if any(features) else ids
        try:
            actions = sets.encode(candidates, ()).actions
        except InputError as error:
            yield UnreadableRound(CANDIDATES, str(error))
            continue
        logged, zero = np.zeros(len(multi)), 0 in event["a"]
        logged[np.array(event["a"]) - (not zero)] = event["p"]
        yield to_round(flatten(event["c"]), actions, line.action, line.propensity, logged / logged.sum())

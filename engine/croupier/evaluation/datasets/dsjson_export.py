"""Logs as lines of Vowpal Wabbit's decision service."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from croupier.errors import EvidenceError
from croupier.evaluation.datasets.base import Batch, Dataset, Round
from croupier.evaluation.datasets.flat import nested
from croupier.evaluation.passes.status import COUNTED, Status


def to_dsjson(dataset: Dataset, path: str | Path) -> int:
    """Write a line for each decision, and return how many there were; what became of it stands in `_status`.

    Raises:
        EvidenceError: The log does not keep contexts, candidates and whole distributions. Of a store
            `StoreRows(url, distributions=True)` gives them.
    """
    rows = 0
    with Path(path).open("wb") as file:
        for batch in dataset.batches():
            if batch.rounds is None:
                raise EvidenceError(f"{dataset.name} does not say in which contexts and among what was chosen")
            for k, round in enumerate(batch.rounds()):
                file.write(orjson.dumps(_event(batch, k, round)) + b"\n")
            rows += len(batch)
    return rows


def _event(batch: Batch, k: int, round: Round) -> dict[str, Any]:
    if round.logged is None:
        raise EvidenceError(
            "a line needs the probability of every candidate, and the log keeps only that of the drawn one: of a store "
            "take StoreRows(url, distributions=True)"
        )
    (context, actions, drawn, propensity, *_), p = round.decided, round.logged.tolist()
    status = Status.OBSERVED if batch.status is None else Status(str(batch.status[k]))
    order = [drawn, *(index for index in range(len(p)) if index != drawn)]
    event: dict[str, Any] = {"_status": status.value, "Version": "1"}
    if status in COUNTED:
        reward = float(batch.reward[k])
        event |= {"_label_cost": -reward, "_label_probability": propensity, "_labelIndex": drawn}
        event |= {"_label_Action": drawn + 1, "o": [] if status == Status.DEFAULTED else [{"v": reward}]}
    elif status == Status.NOT_SHOWN:
        event["_skipLearn"] = True
    if batch.at is not None:
        event["Timestamp"] = datetime.fromtimestamp(float(batch.at[k]), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if "id" in batch.others:
        event["EventId"] = str(batch.others["id"][k])
    if batch.copies is not None:
        event["pdrop"] = 1.0 - 1.0 / float(batch.copies[k])
    event |= {"a": [index + 1 for index in order], "p": [p[index] for index in order]}
    features = actions.rows or ({},) * len(actions)
    multi = [{"_tag": id, **nested(row)} for id, row in zip(actions.ids, features, strict=True)]
    return {**event, "c": {**nested(context), "_multi": multi}}

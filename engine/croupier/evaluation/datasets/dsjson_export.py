"""Export to the log format of Vowpal Wabbit's decision service (dsjson)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from croupier.errors import EvidenceError
from croupier.evaluation.datasets.base import Batch, Dataset, Round, UnreadableRound
from croupier.evaluation.datasets.namespaces import to_namespaces
from croupier.evaluation.passes.status import USABLE, DecisionStatus
from croupier.log.files import private_file


def to_dsjson(dataset: Dataset, path: str | Path) -> int:
    """Write a line for each decision, with the status of its reward in `_status`, and return their number.

    Raises:
        EvidenceError: The log lacks contexts, candidates or whole distributions; for a store
            `StoreRows(url, distributions=True)` has them.
    """
    rows = 0
    with private_file(path) as file:
        for batch in dataset.batches():
            if batch.rounds is None:
                raise EvidenceError(
                    f"{dataset.name} has no contexts and candidates, which dsjson requires; name features and actions"
                )
            for k, round in enumerate(batch.rounds()):
                file.write(orjson.dumps(_event(batch, k, round)) + b"\n")
            rows += len(batch)
    return rows


def _event(batch: Batch, k: int, round: Round | UnreadableRound) -> dict[str, Any]:
    if isinstance(round, UnreadableRound):
        raise EvidenceError(f"a row cannot be written: {round.reason} ({round.detail})")
    if round.logged is None:
        raise EvidenceError(
            "dsjson requires the probability of every candidate, and the log has only that of the drawn one; for a "
            "store use StoreRows(url, distributions=True)"
        )
    (context, actions, drawn, propensity, *_), p = round.decision, round.logged.tolist()
    status = DecisionStatus.OBSERVED if batch.status is None else DecisionStatus(str(batch.status[k]))
    order = [drawn, *(index for index in range(len(p)) if index != drawn)]
    event: dict[str, Any] = {"_status": status.value, "Version": "1"}
    if status in USABLE:
        reward = float(batch.reward[k])
        event |= {"_label_cost": -reward, "_label_probability": propensity, "_labelIndex": drawn}
        event |= {"_label_Action": drawn + 1, "o": [] if status == DecisionStatus.DEFAULTED else [{"v": reward}]}
    elif status == DecisionStatus.NOT_SHOWN:
        event["_skipLearn"] = True
    if batch.at is not None:
        event["Timestamp"] = datetime.fromtimestamp(float(batch.at[k]), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if batch.event is not None and batch.event[k]:
        event["EventId"] = str(batch.event[k])
    elif "id" in batch.others:
        event["EventId"] = str(batch.others["id"][k])
    if batch.subsampling is not None:
        event["pdrop"] = 1.0 - 1.0 / float(batch.subsampling[k])
    event |= {"a": [index + 1 for index in order], "p": [p[index] for index in order]}
    features = actions.rows or ({},) * len(actions)
    multi = [{"_tag": id, **to_namespaces(row)} for id, row in zip(actions.ids, features, strict=True)]
    return {**event, "c": {**to_namespaces(context), "_multi": multi}}

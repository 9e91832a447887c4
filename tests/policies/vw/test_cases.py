"""Vowpal Wabbit's own test cases give the same probabilities through our examples and as text.

A case's events are read into rows (a feature is called "namespace^name"), and both sides are given those: ours through
`VWPolicy` without a floor, the wheel as text in the same layout. A case is left out where its command line or its
events cannot be expressed: the reason is counted, and the count printed.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from croupier_policies import Actions, PolicyError, VWPolicy

DATA = Path(__file__).parents[4] / "shared" / "data" / "vw"
pytestmark = pytest.mark.skipif(not (DATA / "cases.json").exists(), reason="the shared reference data is not beside us")
WITH_FILE = r"(-d|-p|-f|-i|--extra_metrics|--dump_json_weights_experimental|--example_queue_limit|-P) +\S+"
WITHOUT = r"--(audit|json|dsjson|chain_hash|predict_only_model|no_predict)\b|(?<=\s)-t(?=\s)"
EVENTS = 40  # of a case; the largest would take minutes as text


class Labelled(NamedTuple):
    context: dict[str, float | str]
    actions: Actions
    label: tuple[int, float, float] | None  # index, cost, probability


def command_of(case: dict[str, Any]) -> str:
    """The options that concern learning; all quadratic namespaces become our two."""
    kept = re.sub(WITHOUT, " ", re.sub(WITH_FILE, " ", case["command"].replace("{VW}", "")))
    kept = re.sub(r"(-q ?|--quadratic |--interactions )[A-Z]{2}\b", "-q sa ", kept)
    if "-q sa" in kept:
        kept = re.sub(r"-q sa", " ", kept) + " -q sa"
    return re.sub(r"-q ?::", "--quadratic=::", kept)


def line_features(body: str) -> dict[str, float]:
    """{"ns^name": value} of "|ns:scale a b:2 |other c"."""
    row: dict[str, float] = {}
    for part in body.split("|")[1:]:
        space, *words = part.split() if part[:1].strip() else ["", *part.split()]
        for word in words:
            name, _, value = word.partition(":")
            row[f"{space.partition(':')[0]}^{name}"] = float(value or 1.0)
    return row


def text_events(path: Path) -> list[Labelled]:
    return [one_text_event(block.splitlines()) for block in re.split(r"\n\s*\n", path.read_text()) if block.strip()]


def one_text_event(lines: list[str]) -> Labelled:
    context: dict[str, float | str] = {}
    rows: list[dict[str, float]] = []
    label = None
    for line in lines:
        head, bar, body = line.partition("|")
        if head.startswith("shared"):
            context = dict(line_features(bar + body))
            continue
        if found := re.match(r"\s*\d+:([^:\s]+):(\S+)", head):
            label = len(rows), float(found[1]), float(found[2])
        rows.append(line_features(bar + body))
    return Labelled(context, Actions(tuple(f"{k:03}" for k in range(len(rows))), tuple(rows)), label)


def json_events(path: Path) -> list[Labelled]:
    found = [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]
    return [one_json_event(event) for event in found if "_multi" in event.get("c", event)]


def one_json_event(event: dict[str, Any]) -> Labelled:
    whole = event.get("c", event)
    rows = tuple(flattened(action) for action in whole["_multi"])
    context = flattened({k: v for k, v in whole.items() if k != "_multi"})
    label = None
    if "_label_cost" in event:
        chosen = event.get("_labelIndex", event.get("_label_Action", 1) - 1)
        label = int(chosen), float(event["_label_cost"]), float(event["_label_probability"])
    return Labelled(context, Actions(tuple(f"{k:03}" for k in range(len(rows))), rows), label)


def flattened(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        items = [(f"{name}^{k}", v) for k, v in value.items() if not k.startswith("_")]
    elif isinstance(value, list):
        items = [(f"{name}^{i}", v) for i, v in enumerate(value)]
    elif isinstance(value, str):
        return {name: re.sub(r"[\s:|]", "_", value)}
    else:
        return {name: float(value or 0.0)}
    return {k: v for key, item in items for k, v in flattened(item, re.sub(r"[\s:|]", "_", key)).items()}


def words(row: Any, first: str = "") -> str:
    pairs = [f"{k}={v}" if isinstance(v, str) else f"{k}:{v:.9g}" for k, v in row.items()]
    return " ".join([first, *pairs])


def as_text(event: Labelled, labelled: bool) -> list[str]:
    rows = event.actions.rows or ()
    lines = ["shared |s" + words(event.context)]
    lines += ["|a " + words(row, f"action={id}") for id, row in zip(event.actions.ids, rows, strict=True)]
    if labelled and event.label is not None:
        k, cost, probability = event.label
        lines[k + 1] = f"0:{cost:.9g}:{probability:.9g} {lines[k + 1]}"
    return lines


def largest_difference(policy: VWPolicy, wheel: Any, events: list[Labelled]) -> float:
    worst = 0.0
    for event in events:
        ours, theirs = (
            policy.probabilities(event.context, event.actions),
            np.array(wheel.predict(as_text(event, False))),
        )
        worst = max(worst, float(np.abs(ours - theirs / theirs.sum()).max()))
        if event.label is not None:
            k, cost, probability = event.label
            policy.learn(event.context, event.actions, k, -cost, probability)
            wheel.learn(as_text(event, True))
    return worst


def test_our_examples_give_the_probabilities_of_text_examples() -> None:
    vowpalwabbit = pytest.importorskip("vowpalwabbit", reason="Vowpal Wabbit is not installed")
    done, left, worst = [], Counter[str](), 0.0
    for case in json.loads((DATA / "cases.json").read_text()):
        if "--cb_explore_adf" not in case["command"] or case["status_pip_9_11_9"] != "Success":
            continue
        path = DATA / case["inputs"][0]
        if not path.exists():
            left["its input is not here"] += 1
            continue
        try:
            policy = VWPolicy(command_of(case), epsilon=0.0)
        except PolicyError as error:
            left[str(error)] += 1
            continue
        events = (text_events if case["format"] == "text" else json_events)(path)[:EVENTS]
        events = [e for e in events if len(e.actions)]
        if not any(e.label for e in events):
            left["no labelled event that we can read"] += 1
            continue
        wheel = vowpalwabbit.Workspace("--quiet " + " ".join(policy._options))
        difference = largest_difference(policy, wheel, events)
        wheel.finish()
        worst = max(worst, difference)
        assert difference < 1e-5, (case["id"], case["command"], difference)
        done.append(case["id"])
    print(f"{len(done)} cases covered, the largest difference is {worst:.1e}; left out: {dict(left)}")
    assert len(done) >= 30

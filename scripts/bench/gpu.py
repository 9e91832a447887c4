"""Batches of contexts on a GPU beside the same batches on a CPU, and beside one context at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.output import JsonFile, console, table, write_json
from bench.timing import median_seconds
from croupier_policies import Actions, DeviceMissing, LinearPolicy, RidgeModel

SIZES = ((10, 20), (100, 20), (100, 64), (1_000, 20), (1_000, 64))  # actions and raw numbers
BATCHES = (1, 256, 4_096)
ROUNDS = 9
ONE_BY_ONE = 64  # contexts of a batch that are timed one by one
EVENTS = 512  # learned before anything is timed


def trained(device: str, actions: Actions, contexts: Any) -> LinearPolicy:
    """A policy that has learned some rewards of these contexts, without squares, so that d is the number of inputs."""
    policy = LinearPolicy(model=RidgeModel(squares=False, device=device))
    rng = np.random.default_rng(1)
    events = min(EVENTS, len(contexts))
    indices = rng.integers(0, len(actions), events)
    policy.learn_batch(contexts[:events], actions, indices, rng.random(events), np.full(events, 1 / len(actions)))
    return policy


def main(json: JsonFile = None) -> None:
    """Microseconds per context: compiled kernels one by one, whole arrays on a CPU, and on a GPU."""
    rows, results = [], []
    for count, width in SIZES:
        actions = Actions(tuple(f"a{k}" for k in range(count)))
        contexts = np.random.default_rng(0).normal(size=(max(BATCHES), width))
        policies = {}
        for device in ("cpu", "cuda"):
            try:
                policies[device] = trained(device, actions, contexts)
            except DeviceMissing as error:
                console().print(f"{device} is left out: {error}")
        for size in BATCHES:
            batch = contexts[:size]
            calls = {f"{device} batch": _batch(policy, batch, actions) for device, policy in policies.items()}
            calls["cpu one by one"] = _one_by_one(policies["cpu"], batch[:ONE_BY_ONE], actions)
            seconds = median_seconds(calls, ROUNDS, warmup=2)
            contexts_of = {name: min(size, ONE_BY_ONE) if name == "cpu one by one" else size for name in seconds}
            each = {name: 1e6 * value / contexts_of[name] for name, value in seconds.items()}
            results.append({"actions": count, "numbers": width, "batch": size, "microseconds": each})
            shown = ("cpu one by one", "cpu batch", "cuda batch")
            cells = (f"{each[name]:,.1f}" if name in each else "-" for name in shown)
            rows.append((f"{count:,}", str(width), f"{size:,}", *cells))
    heads = ["actions", "numbers", "batch", "cpu, one by one", "cpu, batch", "cuda, batch"]
    console().print(table("Probabilities, microseconds per context", heads, rows, left=0))
    write_json(json, {"rounds": ROUNDS, "learned": EVENTS}, results)


def _batch(policy: LinearPolicy, batch: Any, actions: Actions) -> Any:
    return lambda: policy.probabilities_batch(batch, actions)


def _one_by_one(policy: LinearPolicy, batch: Any, actions: Actions) -> Any:
    return lambda: [policy.probabilities(context, actions) for context in batch]


if __name__ == "__main__":
    main()

"""How often intervals cover the truth on simulated logs of a policy that learns.

Each log is that of a new softmax policy, which learns along the way. Two targets are evaluated on it at twenty times:
the uniform policy, and the policy that is best in each segment; so is their difference. A confidence sequence misses if
it excludes the truth at any of these times. A fixed-sample interval misses if it excludes the truth at the last one,
among the logs for which the verdict passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier.evaluation import ESTIMATORS, RULES, EstimatorInputs, LogBounds, Rules, Tally, judge, normal_fixed_sample
from croupier.evaluation.estimators.basic import find_estimators
from croupier.evaluation.evaluate import build_estimate
from croupier.evaluation.intervals import interval_factories
from croupier.evaluation.pairs import PairAccumulator
from croupier.evaluation.passes.rows import Rows
from croupier_policies import Actions, Policy, SoftmaxPolicy, Vector, draw

SEGMENTS, ACTIONS, LOOKS = 4, 3, 20
SHAPE = np.array([[0.5, 1.0, 1.5], [1.2, 0.6, 1.2], [1.4, 1.0, 0.6], [1.0, 1.0, 1.0]])  # rates in units of their mean
FIXED = ("normal", "bootstrap", "likelihood", "bernstein")
SEQUENCES = ("betting-sequence", "bernstein-sequence", "stitched-sequence")
AT_EVERY_LOOK = ("normal", *SEQUENCES)
ESTIMATORS_USED = ("ips", "snips", "dr", "sndr", "aw-dr")


class Log(NamedTuple):
    """A simulated log: segments, probability vectors, drawn actions and rewards; and the true mean rewards."""

    segment: NDArray[np.int64]  # (n,)
    probabilities: NDArray[np.float64]  # (n, K)
    action: NDArray[np.int64]  # (n,)
    reward: Vector  # (n,)
    rates: NDArray[np.float64]  # (segments, K)


class Miss(NamedTuple):
    """One interval on one log: whether it missed at the last look, at any look, and whether the verdict passed."""

    target: str
    kind: str
    estimator: str
    last: bool
    ever: bool
    passed: bool
    width: float


def simulate(mean: float, n: int, seed: int, make: Callable[[], Policy] = SoftmaxPolicy) -> Log:
    """A log of n decisions of a policy that learns from each reward at once; rewards are 0 or 1.

    Args:
        mean: The mean reward over segments and actions.
        n: The number of decisions.
        seed: The seed of contexts, draws and rewards.
        make: Makes the policy.
    """
    rng, policy = np.random.default_rng(seed), make()
    rates, actions = mean * SHAPE, Actions(tuple(f"a{k}" for k in range(ACTIONS)))
    contexts = np.eye(SEGMENTS)
    segment, u = rng.integers(0, SEGMENTS, n), rng.random((n, 2))
    log = Log(segment, np.empty((n, ACTIONS)), np.empty(n, dtype=np.int64), np.empty(n), rates)
    for t, s in enumerate(segment):
        p = policy.probabilities(contexts[s], actions)
        a = draw(p, u[t, 0])
        r = float(u[t, 1] < rates[s, a])
        policy.learn(contexts[s], actions, a, r, float(p[a]))
        log.probabilities[t], log.action[t], log.reward[t] = p, a, r
    return log


def targets(log: Log) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Each target's probabilities by segment, (segments, K)."""
    yield "uniform", np.full_like(log.rates, 1 / ACTIONS)
    yield "best", np.eye(ACTIONS)[log.rates.argmax(axis=1)]


def columns(log: Log, target: NDArray[np.float64]) -> EstimatorInputs:
    """What the estimators see; the reward model is a fifth too low."""
    model, row = 0.8 * log.rates, np.arange(len(log.action))
    w = target[log.segment, log.action] / log.probabilities[row, log.action]
    v = (target * model).sum(axis=1)[log.segment]
    return EstimatorInputs(w, log.reward, model[log.segment, log.action], v)


def misses(
    log: Log, floor: float, kinds: Sequence[str] = FIXED + SEQUENCES, looks: int = LOOKS, rules: Rules = RULES
) -> list[Miss]:
    """Misses of every interval of both targets: sequences and the normal one at every look, the others at the last."""
    found = []
    for label, target in targets(log):
        truth = float((target * log.rates).sum(axis=1).mean())
        rows, max_weight = columns(log, target), float(target.max()) * ACTIONS / floor
        squares = (target[log.segment] ** 2 / log.probabilities).sum(axis=1)
        chunks = [slice(chunk[0], chunk[-1] + 1) for chunk in np.array_split(np.arange(len(rows.w)), looks)]
        sequential = [kind for kind in kinds if kind in AT_EVERY_LOOK]
        at_end = [kind for kind in kinds if kind not in AT_EVERY_LOOK]
        found += target_misses(label, rows, squares, truth, max_weight, sequential, chunks, rules) if sequential else []
        found += target_misses(label, rows, squares, truth, max_weight, at_end, [slice(None)], rules) if at_end else []
    return found + difference_misses(log, floor, looks, rules)


def difference_misses(log: Log, floor: float, looks: int, rules: Rules) -> list[Miss]:
    """Misses of the interval and of the sequence for the difference between both targets."""
    both = [target for _, target in targets(log)]
    truth = float(((both[1] - both[0]) * log.rates).sum(axis=1).mean())
    pair, missed = (
        PairAccumulator(ESTIMATORS["dr"], 1, 0, LogBounds()),
        {"normal": list[bool](), "betting-sequence": list[bool]()},
    )
    step = np.abs(both[1] - both[0])[log.segment]
    expected = step.sum(axis=1), (step**2 / log.probabilities).sum(axis=1)
    for chunk in np.array_split(np.arange(len(log.action)), looks):
        pair.add(_rows(log, both, floor, slice(chunk[0], chunk[-1] + 1), expected))
        intervals = normal_fixed_sample(*pair.difference(), 0.95), pair.sequence()
        for kind, interval in zip(missed, intervals, strict=True):
            missed[kind].append(interval is None or not interval.low <= truth <= interval.high)
    passed = min(pair.ess, pair.expected_ess) >= rules.ess
    widths = [interval.high - interval.low if interval else np.inf for interval in intervals]
    return [
        Miss("best - uniform", kind, "dr", each[-1], any(each), passed, width)
        for (kind, each), width in zip(missed.items(), widths, strict=True)
    ]


def _rows(
    log: Log, both: Sequence[NDArray[np.float64]], floor: float, chunk: slice, expected: tuple[Vector, Vector]
) -> Rows:
    own = [columns(log, target).select(chunk) for target in both]
    n = len(own[0].w)
    return Rows(
        reward=own[0].r,
        scaled=own[0].r,
        q=own[0].q,
        at=np.zeros(n),
        segments=(),
        w=tuple(each.w for each in own),
        v=tuple(each.v for each in own),
        outside=tuple(np.zeros(n) for _ in own),
        max_weight=tuple(float(target.max()) * ACTIONS / floor for target in both),
        expected_distances={(1, 0): (expected[0][chunk], expected[1][chunk])},
    )


def target_misses(
    label: str,
    rows: EstimatorInputs,
    squares: Vector,
    truth: float,
    max_weight: float,
    kinds: Sequence[str],
    chunks: Sequence[slice],
    rules: Rules,
) -> list[Miss]:
    """Misses of the intervals of one target, evaluated after each of these chunks of the log."""
    tally = Tally(find_estimators(ESTIMATORS_USED), interval_factories(kinds), LogBounds())
    missed: dict[tuple[str, str], list[bool]] = {}
    widths, passed = {}, {}
    for chunk in chunks:
        batch = rows.select(chunk)
        tally.add(batch, np.zeros(len(batch.w)), max_weight, squares[chunk])
        verdict = judge(tally.diagnostics, rules, max_weight)
        for estimator in tally.estimators:
            estimate = build_estimate(tally, estimator, 0.95, verdict, rules)
            passed[estimator.name] = estimate.verdict.enough
            for kind, (low, high, *_) in estimate.intervals.items():
                missed.setdefault((kind, estimator.name), []).append(not low <= truth <= high)
                widths[kind, estimator.name] = high - low
    return [Miss(label, *key, each[-1], any(each), passed[key[1]], widths[key]) for key, each in missed.items()]


def run(seed: int, mean: float, n: int, epsilon: float, kinds: Sequence[str]) -> list[Miss]:
    """Simulate and evaluate one log."""
    return misses(simulate(mean, n, seed, partial(SoftmaxPolicy, epsilon=epsilon)), epsilon, kinds)

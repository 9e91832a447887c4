# ruff: noqa: S101  (these are tests: asserting is their work)
"""Checks of policies: valid distributions that respect the floor, and draws that match them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import Actions, Policy, Vector
from croupier_policies.checks import events
from croupier_policies.checks.common import COMMON, query, train
from croupier_policies.checks.events import Event
from croupier_policies.exploration.sampling import draw, uniform

PolicyFactory = Callable[[], Policy]
BINS = np.array([0.0, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.99])
FALSE_ALARM = 1e-3  # the probability that a correct policy fails a frequency check


def check_probabilities_are_a_distribution(make: PolicyFactory) -> None:
    """Probabilities are at least the declared floor ε/K and sum to 1; a single candidate has probability 1."""
    for log in events.logs(60):
        policy = make()
        for event in log:
            p = query(policy, event)
            assert abs(p.sum() - 1.0) <= 1e-9, f"the sum is {p.sum()}"
            floor = getattr(policy, "epsilon", 0.0) / len(p)
            assert p.min() >= floor * (1.0 - 1e-12), f"{p.min()} is below the floor {floor}"
            alone = policy.probabilities(event.context, Actions(("a1",), event.actions.rows and event.actions.rows[:1]))
            assert abs(alone[0] - 1.0) <= 1e-9, alone
            train(policy, [event])


def check_order_does_not_matter(make: PolicyFactory) -> None:
    """Permuting the actions permutes their probabilities."""
    rng = np.random.default_rng(0)
    for log in events.logs(60):
        policy = train(make(), log[:50])
        for event in (*log[40:], *(_with_new_actions(event) for event in log[50:])):
            order = rng.permutation(len(event.actions))
            p, permuted = query(policy, event), query(policy, _permuted(event, order))
            assert np.allclose(p[order], permuted, rtol=0.0, atol=1e-12), f"{p[order]} became {permuted}"


def _permuted(event: Event, order: NDArray[np.int64]) -> Event:
    ids, rows = event.actions.ids, event.actions.rows
    actions = Actions(tuple(ids[k] for k in order), rows and tuple(rows[k] for k in order))
    return Event(event.context, actions, event.rewards[order], 0)


def _with_new_actions(event: Event) -> Event:
    """The event with four unseen actions added, which differ only in their ids."""
    ids, rows = event.actions.ids, event.actions.rows
    return event._replace(
        actions=Actions((*ids, "x0", "x1", "x2", "x3"), rows and (*rows, *rows[:1] * 4)), rewards=np.zeros(len(ids) + 4)
    )


def check_draws_match_probabilities(make: PolicyFactory, decisions: int = 1500) -> None:
    """In bins of p, the number of draws matches the summed probability; with a floor, the mean of 1/(K·p) is 1."""
    for excess in excesses(make, decisions):
        assert abs(excess.sum) <= excess.allowed, f"{excess.what}: {excess.sum:+.1f}, allowed ±{excess.allowed:.1f}"


class Excess(NamedTuple):
    """A sum of centred terms, its bound for a correct policy, its p-value, and the level of the bound."""

    what: str
    sum: float
    allowed: float
    p: float
    level: float


def excesses(make: PolicyFactory, decisions: int) -> list[Excess]:
    """Excess draws of a policy that learns from its own draws, by bins of p, and the excess of Σ 1/(K·p).

    The sums are martingales, so Bernstein's inequality holds while the policy learns.
    """
    policy, probabilities, drawn = make(), [], []
    for t, event in enumerate(events.changing(decisions)):
        k = draw(query(policy, event), uniform(1, "draw", str(t)))
        p = query(policy, event)
        probabilities.append(p)
        drawn.append(k)
        policy.learn(event.context, event.actions, k, float(event.rewards[k]), float(p[k]))
    found = _bins(probabilities, drawn)
    floor = getattr(policy, "epsilon", 0.0)
    return [*found, _weights(probabilities, drawn, 1.0 / floor)] if floor > 0.0 else found


def _bins(probabilities: list[Vector], drawn: list[int]) -> list[Excess]:
    p = np.concatenate(probabilities)
    hits = np.concatenate([np.arange(len(q)) == k for q, k in zip(probabilities, drawn, strict=True)])
    place = np.digitize(p, BINS) - 1
    found = []
    for b in range(len(BINS)):
        inside = place == b
        excess, variance = float((hits[inside] - p[inside]).sum()), float((p[inside] * (1.0 - p[inside])).sum())
        found.append(_excess(f"excess draws where p is near {BINS[b]}", excess, variance, 1.0, FALSE_ALARM / len(BINS)))
    return found


def _weights(probabilities: list[Vector], drawn: list[int], largest: float) -> Excess:
    weights = [1.0 / (len(p) * p[k]) for p, k in zip(probabilities, drawn, strict=True)]
    variance = sum(float((1.0 / (len(p) ** 2 * p)).sum()) - 1.0 for p in probabilities)
    return _excess("sum of the weights 1/(K·p) - 1", sum(weights) - len(weights), variance, largest, FALSE_ALARM)


def _excess(what: str, excess: float, variance: float, largest: float, level: float) -> Excess:
    size = max(abs(excess) - 1e-9, 0.0)  # tolerance for rounding
    p = min(1.0, 2.0 * math.exp(-size * size / (2.0 * (variance + largest * size / 3.0)))) if size else 1.0
    return Excess(what, excess, _bernstein(variance, largest, level), p, level)


def _bernstein(variance: float, largest: float, level: float) -> float:
    """Bernstein's two-sided bound: a sum of centred terms of this variance exceeds it with probability ≤ `level`.

    >>> round(_bernstein(100.0, 1.0, 0.05), 1)
    28.4
    """
    logarithm = math.log(2.0 / level)
    return largest * logarithm / 3.0 + math.sqrt((largest * logarithm / 3.0) ** 2 + 2.0 * variance * logarithm) + 1e-9


def check_discounting_leaves_a_valid_policy(make: PolicyFactory) -> None:
    """After a discount of everything, of an action or of a unit, it predicts, learns and round-trips, bit for bit."""
    for log in events.logs(30):
        policy, twin = train(make(), log[:20]), train(make(), log[:20])
        for each in (policy, twin):
            each.discount(0.5)
            for action in (log[0].actions.ids[0], "never seen"):
                each.discount(0.2, action)
            each.discount_unit(0.2, "never seen")
        if policy.storable:
            twin = make()
            twin.restore(policy.state())
        for event in log[20:]:
            p = query(policy, event)
            assert abs(p.sum() - 1.0) <= 1e-9, f"the sum is {p.sum()} after a discount"
            assert np.array_equal(p, query(twin, event)), "two policies with equal discounts differ"
            train(policy, [event])
            train(twin, [event])


POLICY_CHECKS: tuple[Callable[[PolicyFactory], None], ...] = (
    *COMMON,
    check_probabilities_are_a_distribution,
    check_order_does_not_matter,
    check_draws_match_probabilities,
    check_discounting_leaves_a_valid_policy,
)


def check_policy(make: PolicyFactory) -> None:
    """Run every check on a policy; `make` returns an untrained one. Raises AssertionError.

    >>> from croupier_policies import UniformPolicy
    >>> check_policy(UniformPolicy)
    """
    for check in POLICY_CHECKS:
        check(make)


def check_devices_agree(make: PolicyFactory, other: PolicyFactory, tolerance: float = 1e-9) -> None:
    """Policies on two devices, trained on one log, agree, and read each other's state."""
    for log in events.logs(40):
        one, two = make(), other()
        for event in log:
            assert np.allclose(query(one, event), query(two, event), rtol=0.0, atol=tolerance), "the devices differ"
            train(one, [event])
            train(two, [event])
        crossed = make()
        crossed.restore(two.state())
        for event in log:
            assert np.allclose(query(one, event), query(crossed, event), rtol=0.0, atol=tolerance), (
                "the restored states differ"
            )

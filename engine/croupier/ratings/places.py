"""Off-policy evaluation of recommendation lists, place by place."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import orjson

from croupier.errors import EvidenceError
from croupier.evaluation.passes.resolve import resolve
from croupier.evaluation.passes.source import Source, open_source
from croupier.evaluation.passes.targets import FrozenTarget, LearningTarget, LoggedTarget, Target
from croupier.log.reader import DecodedDecision
from croupier.state.fold import Fold
from croupier_policies import Learner, Policy, Vector
from croupier_policies.catalogue.lists import MAX_DEPTH, list_marginals
from croupier_storage import Fact

Progress = Callable[[int, int], None]


class PlaceValue(NamedTuple):
    """An estimate of the reward at one place of a list under the target policy.

    Attributes:
        place: The place, counted from 1.
        value: Expected reward at the place, per list.
        error: Its standard error, for a fixed sample size.
        rows: Number of lists.
        ess: Effective sample size, (Σw)²/Σw².
        mean_weight: Mean importance weight; if it is far from 1, the log lacks support for the target.
    """

    place: int
    value: float
    error: float
    rows: int
    ess: float
    mean_weight: float


def place_ips(target: Vector, logged: Vector, rewards: Vector) -> list[PlaceValue]:
    """Inverse propensity scoring place by place, with marginal probabilities (the item-position model).

    V_s = mean_i (P_target(j_is at place s | x_i) / P_logged(j_is at place s | x_i))·r_is

    Unbiased if the reward at a place depends on the context and the item there, and not on the items around it. If it
    does depend on them, weight whole lists by the product of the logged propensities, which are conditional on the
    places before.

    Args:
        target: Marginal probabilities of the shown items under the target policy, shape (n, k).
        logged: Marginal probabilities under the logging policy, as logged, shape (n, k); positive.
        rewards: Reward at every place, shape (n, k); rows with NaN are left out at that place.

    Returns:
        One estimate per place.

    Source: Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay & Wen, "Offline evaluation of ranking policies with click
    models", KDD 2018.

    >>> same = np.full((4, 1), 0.5)
    >>> place_ips(same, same, np.array([[1.0], [0.0], [1.0], [1.0]]))[0].value
    0.75
    """
    return [_place(s + 1, target[:, s] / logged[:, s], rewards[:, s]) for s in range(rewards.shape[1])]


def _place(place: int, weights: Vector, rewards: Vector) -> PlaceValue:
    known = np.isfinite(rewards)
    w, rows = weights[known], int(known.sum())
    if not rows:
        return PlaceValue(place, float("nan"), float("nan"), 0, 0.0, float("nan"))
    products = w * rewards[known]
    error = float(products.std(ddof=1) / rows**0.5) if rows > 1 else float("nan")
    squares = float((w**2).sum())
    return PlaceValue(
        place, float(products.mean()), error, rows, float(w.sum()) ** 2 / squares if squares else 0.0, float(w.mean())
    )


def evaluate_places(
    url: str,
    target: str | Policy,
    *,
    policy: Policy | None = None,
    learner: Learner | None = None,
    progress: Progress | None = None,
) -> list[PlaceValue]:
    """`place_ips` of a target on a store's lists whose marginal probabilities were logged: lists of up to three places.

    The log is folded once with the engine's fold; the target's marginals are those of the state at the list's `as_of`.

    Args:
        url: URL of the store, which is opened read-only.
        target: As for `evaluate`: `uniform`, `logged`, `policy:NAME`, `snapshot:POSITION`, a policy, …
        policy: The store's policy, if it is not one of Croupier's own.
        learner: The store's learner, if it is not one of Croupier's own.
        progress: Called periodically with (position, head).

    Returns:
        One estimate per place of the longest list.

    Raises:
        EvidenceError: The log has no such list, or the target's marginals cannot be computed.
        StoreError: The store cannot be read.
    """
    with open_source(url, policy, learner) as source:
        collector = _Collector(source, resolve(target, source))
        collector.fold.run(source.head, collector.visit, progress)
        return collector.values()


class _Collector:
    """Collects, while a log is folded, the place and both marginal probabilities of every decision of a list."""

    def __init__(self, source: Source, target: Target) -> None:
        self.source, self.target = source, target
        self.fold = Fold(source.objects, source.configuration, source.log, self._learn)
        self._list = ""
        self._marginals: Vector | None = None
        self._index: dict[str, int] = {}
        self._records: dict[int, tuple[int, float, float]] = {}

    def _learn(self, fact: Fact, decision: DecodedDecision, reward: float) -> None:
        self.target.learn(decision, self.fold.configuration.scale(reward))

    def visit(self, fact: Fact, decision: DecodedDecision) -> None:
        """Record one decision of a list, with the state at its `as_of`."""
        body = orjson.loads(fact.body or b"{}")
        if "marginal" not in body:
            return
        if body["place"] == 1:
            self._start_list(body, decision)
        if body["list"] != self._list:
            return  # the decision of its first place was forgotten
        logged = float(body["marginal"])
        target = (
            logged if self._marginals is None else self._marginals[body["place"] - 1, self._index[fact.action or ""]]
        )
        self._records[fact.position] = body["place"], float(target), logged

    def _start_list(self, body: dict[str, str | int], decision: DecodedDecision) -> None:
        """Compute the target's marginals at the first place of a list, whose candidates are those of the whole list."""
        self._list = str(body["list"])
        if isinstance(self.target, LoggedTarget):
            return
        if not isinstance(self.target, FrozenTarget | LearningTarget):
            raise EvidenceError(f"{self.target.label} is not a policy and has no lists; name a policy")
        found = list_marginals(
            self.target.policy, decision.context, decision.actions, min(int(body["places"]), MAX_DEPTH)
        )
        if found is None:
            raise EvidenceError(
                f"the marginals of {self.target.label} over {len(decision.actions)} candidates would need too many "
                "evaluations of the policy; evaluate the decisions of single places with `evaluate` instead"
            )
        self._marginals, self._index = found, {id: k for k, id in enumerate(decision.actions.ids)}

    def values(self) -> list[PlaceValue]:
        """The estimates, from the effective reward of every decision."""
        if not self._records:
            raise EvidenceError(
                "the log has no list with marginal probabilities; `recommend` logs them for lists of up to three places"
            )
        rule, head = self.source.configuration.rewards, self.source.head
        depth = max(place for place, _, _ in self._records.values())
        rows: list[list[tuple[float, float, float]]] = [[] for _ in range(depth)]
        for fact, reward_state in self.source.log.reward_states(head, rule):
            if (record := self._records.get(fact.position)) and (outcome := reward_state.effective(rule)) is not None:
                rows[record[0] - 1].append((record[1], record[2], outcome))
        return [_from_rows(place, found) for place, found in enumerate(rows, 1)]


def _from_rows(place: int, rows: list[tuple[float, float, float]]) -> PlaceValue:
    target, logged, rewards = np.array(rows, dtype=np.float64).reshape(len(rows), 3).T
    return _place(place, target / logged, rewards)

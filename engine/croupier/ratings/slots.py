"""What another policy's lists would have earned at each place, from the lists of a log."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import orjson

from croupier.errors import EvidenceError
from croupier.evaluation.passes.resolve import resolve
from croupier.evaluation.passes.source import Source, opened
from croupier.evaluation.passes.targets import Frozen, Learned, Logged, Target
from croupier.log.reader import DecodedDecision
from croupier.state.fold import Fold
from croupier_policies import Learner, Policy, Vector
from croupier_policies.catalogue.lists import MAX_DEPTH, list_marginals
from croupier_storage import Fact

Progress = Callable[[int, int], None]


class PlaceValue(NamedTuple):
    """An estimate of what one place earns under the target.

    Attributes:
        place: Counted from 1.
        value: Of one list, in units of reward.
        error: Its standard error, of a sample whose size was fixed beforehand.
        rows: Lists it rests on.
        ess: Their effective number, (Σw)²/Σw².
        mean_weight: Should be near 1; if it is not, the log lacks support for the target.
    """

    place: int
    value: float
    error: float
    rows: int
    ess: float
    mean_weight: float


def place_ips(target: Vector, logged: Vector, rewards: Vector) -> list[PlaceValue]:
    """Inverse propensity scoring place by place, on marginals.

    V_s = mean_i (P_target(j_is at place s | x_i) / P_logged(j_is at place s | x_i))·r_is

    Unbiased where what a place earns depends on the context and on the item there, and not on the items around it
    (the item-position model of Li et al. 2018, "Offline evaluation of ranking policies with click models"). Where it
    does, weigh whole lists by Π_s of their conditional probabilities, which are the logged propensities.

    Args:
        target: The marginals of the shown items under the target, (n, k).
        logged: Under the logging policy, (n, k), as logged; positive.
        rewards: Of every place, (n, k); NaN where there is none, and that row is left out there.

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
    terms = w * rewards[known]
    error = float(terms.std(ddof=1) / rows**0.5) if rows > 1 else float("nan")
    squares = float((w**2).sum())
    return PlaceValue(
        place, float(terms.mean()), error, rows, float(w.sum()) ** 2 / squares if squares else 0.0, float(w.mean())
    )


def evaluate_places(
    url: str,
    target: str | Policy,
    *,
    policy: Policy | None = None,
    learner: Learner | None = None,
    progress: Progress | None = None,
) -> list[PlaceValue]:
    """`place_ips` of a target on a store's lists whose marginals were logged: those of up to three places.

    The log is folded once, by the engine's own fold: every marginal of the target is that of its list's `as_of`.

    Args:
        url: The store; it is read only.
        target: As for `evaluate`: `uniform`, `logged`, `policy:NAME`, `snapshot:POSITION`, a policy, …
        policy: The store's policy, where it is none of Croupier's own.
        learner: Likewise.
        progress: Called with (position, head) now and then.

    Returns:
        One value a place, up to that of the longest list.

    Raises:
        EvidenceError: No such list is in the log, or the target's marginals cannot be had.
        StoreError: The store cannot be read.
    """
    with opened(url, policy, learner) as source:
        gathered = _Gatherer(source, resolve(target, source))
        gathered.fold.run(source.head, gathered.visit, progress)
        return gathered.values()


class _Gatherer:
    """Notes the lists of a log while it is folded: by decision, the place and both marginals."""

    def __init__(self, source: Source, target: Target) -> None:
        self.source, self.target = source, target
        self.fold = Fold(source.given, source.configuration, source.log, self._learned)
        self._list = ""
        self._marginals: Vector | None = None
        self._places: dict[str, int] = {}
        self._noted: dict[int, tuple[int, float, float]] = {}

    def _learned(self, fact: Fact, decided: DecodedDecision, reward: float) -> None:
        self.target.learn(decided, self.fold.configuration.scaled(reward))

    def visit(self, fact: Fact, decided: DecodedDecision) -> None:
        """Note one place, at its `as_of`."""
        said = orjson.loads(fact.body or b"{}")
        if "marginal" not in said:
            return
        if said["place"] == 1:
            self._begin(said, decided)
        if said["list"] != self._list:
            return  # its first place was erased
        logged = float(said["marginal"])
        theirs = (
            logged if self._marginals is None else self._marginals[said["place"] - 1, self._places[fact.action or ""]]
        )
        self._noted[fact.position] = said["place"], float(theirs), logged

    def _begin(self, said: dict[str, str | int], decided: DecodedDecision) -> None:
        """The target's marginals for a list, asked at its first place, whose candidates are those of the list."""
        self._list = str(said["list"])
        if isinstance(self.target, Logged):
            return
        if not isinstance(self.target, Frozen | Learned):
            raise EvidenceError(f"{self.target.label} is no policy, and has no lists; name a policy")
        depth = min(int(said["places"]), MAX_DEPTH)
        found = list_marginals(self.target.policy, decided.context, decided.actions, depth)
        if found is None:
            raise EvidenceError(
                f"the marginals of {self.target.label} over {len(decided.actions)} candidates would take too many "
                "questions; evaluate the decisions of the places instead, with `evaluate`"
            )
        self._marginals, self._places = found, {id: k for k, id in enumerate(decided.actions.ids)}

    def values(self) -> list[PlaceValue]:
        """Join the notes with what every place earned, as a rebase would learn it."""
        if not self._noted:
            raise EvidenceError("the log holds no list with marginals: recommend(k=…) logs them for up to three places")
        rule, head = self.source.configuration.rewards, self.source.head
        depth = max(place for place, _, _ in self._noted.values())
        rows: list[list[tuple[float, float, float]]] = [[] for _ in range(depth)]
        for fact, reward_state in self.source.log.reward_states(head, rule):
            if (noted := self._noted.get(fact.position)) and (outcome := reward_state.effective(rule)) is not None:
                rows[noted[0] - 1].append((noted[1], noted[2], outcome))
        return [_of(place, its) for place, its in enumerate(rows, 1)]


def _of(place: int, rows: list[tuple[float, float, float]]) -> PlaceValue:
    target, logged, rewards = np.array(rows, dtype=np.float64).reshape(len(rows), 3).T
    return _place(place, target / logged, rewards)

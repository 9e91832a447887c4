"""The online bootstrap: its weights, its members, and what it refuses."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from river import tree

from croupier_policies import (
    Actions,
    BagPolicy,
    ForgedState,
    InverseGapPolicy,
    NotStorable,
    PolicyError,
    RiverLearner,
    checks,
    uniform,
)
from croupier_policies.checks import events
from croupier_policies.checks.common import query, train
from croupier_policies.policies.bag import _poisson


@pytest.mark.parametrize("member", [RiverLearner(), InverseGapPolicy()], ids=lambda member: member.name)
def test_a_bag_of_learners_conforms(member: RiverLearner) -> None:
    for check in checks.POLICY_CHECKS:
        if check.__name__ != "check_memory_is_bounded":  # the member is held to its own limits, by its own suite
            check(lambda: BagPolicy(member, size=3))


def test_its_weights_are_poisson() -> None:
    counts = Counter(_poisson(uniform(1, "bag", f"{n}/0")) for n in range(20_000))
    chances = np.exp(-1.0) / np.array([1, 1, 2, 6, 24])
    spread = np.sqrt(20_000 * chances)
    assert all(abs(counts[k] - 20_000 * chances[k]) < 4.5 * spread[k] for k in range(5)), counts


def test_members_differ_and_another_seed_gives_others() -> None:
    log = events.changing(200)
    one, other = train(BagPolicy(size=8), log), train(BagPolicy(size=8, seed=1), log)
    answers = np.array([query(one, event).max() for event in log])
    assert ((answers > 0.4) & (answers < 0.95)).any(), "the members are all of one mind"
    assert any(not np.array_equal(query(one, event), query(other, event)) for event in log)


def test_probabilities_are_vote_fractions_and_a_floor() -> None:
    policy, actions = BagPolicy(size=4, epsilon=0.2), Actions(("a", "b"))
    for t in range(40):
        policy.learn({}, actions, t % 2, float(t % 2), 0.5)
    assert policy.probabilities({}, actions).tolist() == pytest.approx([0.1, 0.9])


def test_a_forged_state_changes_nothing() -> None:
    policy = train(BagPolicy(size=2), events.changing(30))
    event, good = events.changing(3)[0], policy.state()
    before = query(policy, event)
    forged: list[dict[str, Any]] = [
        {},
        good | {"count": -1},
        good | {"members": good["members"][:1]},
        good | {"count": True},
    ]
    for wrong in forged:
        with pytest.raises(ForgedState):
            policy.restore(wrong)
    assert np.array_equal(query(policy, event), before)


def test_unstorable_members_are_restored_by_replay() -> None:
    policy = BagPolicy(RiverLearner(tree.HoeffdingTreeClassifier()), size=2)
    assert not policy.storable
    with pytest.raises(NotStorable):
        policy.state()
    assert len(query(policy.fresh(), events.changing(1)[0]))


def test_bad_arguments_are_refused() -> None:
    bad: list[dict[str, Any]] = [{"size": 0}, {"seed": -1}, {"epsilon": 1.5}]
    for wrong in (*bad, {"member": {"name": "no-such", "config": {}}}):
        with pytest.raises(PolicyError):
            BagPolicy(**wrong)

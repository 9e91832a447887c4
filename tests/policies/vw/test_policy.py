"""Vowpal Wabbit's explorers as policies: conformance, and restoring by state or replay."""

import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from croupier_policies import Actions, NotStorable, PolicyError, VWPolicy, checks, registry
from croupier_policies.checks import events
from croupier_policies.checks.common import check_extremes_stay_finite, query, train
from croupier_policies.checks.policies import check_order_does_not_matter, check_probabilities_are_a_distribution
from croupier_policies.checks.states import bitwise_equal
from croupier_policies.vw.examples import features

pytestmark = pytest.mark.skipif(find_spec("vowpalwabbit") is None, reason="Vowpal Wabbit is not installed")
RESUME = ["--epsilon 0.1", "--first 30", "--softmax --lambda 5 -q sa", "--squarecb", "--regcb", "--synthcover"]
REPLAY = [
    "--bag 3",
    "--cover 3",
    "--rnd 3",
    "--softmax --cb_type dr",
    "--softmax --cb_dro",
    "--softmax --sparse_weights",
]
STATELESS = (check_extremes_stay_finite, check_probabilities_are_a_distribution, check_order_does_not_matter)


def make(options: str, epsilon: float = 0.01) -> VWPolicy:
    return VWPolicy(f"--cb_explore_adf -b 10 {options}", epsilon=epsilon)


@pytest.mark.parametrize("options", RESUME)
def test_explorers_conform(options: str) -> None:
    assert make(options).storable
    for check in checks.POLICY_CHECKS:
        if check.__name__ not in ("check_memory_is_bounded", "check_late_rewards_are_learned"):  # once is enough
            check(lambda: make(options))


@pytest.mark.parametrize("options", REPLAY)
def test_explorers_that_do_not_resume_are_restored_by_replay(options: str) -> None:
    policy = make(options)
    assert not policy.storable
    with pytest.raises(NotStorable, match="replay"):
        policy.state()
    for log in events.logs(40):
        asked, silent = make(options), make(options)
        for event in log:
            query(asked, event)
            train(asked, [event])
        train(silent, log)
        assert bitwise_equal([query(asked, e) for e in log], [query(silent, e) for e in log]), (
            "asking changed what was learned"
        )


@pytest.mark.parametrize("check", STATELESS)
@pytest.mark.parametrize("options", REPLAY[:3])
def test_explorers_that_do_not_resume_conform_otherwise(options: str, check: Callable[[Any], None]) -> None:
    check(lambda: make(options))


@pytest.mark.parametrize(
    "name", ["a b", "a:b", "a|b", "|s x:1", "shared", "a\nb", "", "\x00", "ünï😀", "0:1:0.5", "a=b"]
)
def test_no_name_can_break_the_format(name: str) -> None:
    policy, plain = make("--softmax --lambda 5", epsilon=0.0), make("--softmax --lambda 5", epsilon=0.0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, r = float(rng.normal()), float(rng.random())
        policy.learn({name: x, "city": name}, Actions(("a", name + "!")), 1, r, 0.5)
        plain.learn({"x": x, "city": "y"}, Actions(("a", "b")), 1, r, 0.5)
    ours = policy.probabilities({name: 1.0, "city": name}, Actions(("a", name + "!")))
    assert np.allclose(ours, plain.probabilities({"x": 1.0, "city": "y"}, Actions(("a", "b"))), atol=1e-6)


def test_the_floor_is_mixed_in_and_interactions_work() -> None:
    policy, actions = VWPolicy("--cb_explore_adf -q sa --epsilon 0 -b 12", epsilon=0.2), Actions(("a", "b"))
    for t in range(400):
        side = 1.0 if t % 2 else -1.0
        policy.learn({"side": side}, actions, t // 2 % 2, float((side > 0) == (t // 2 % 2 == 0)), 0.5)
    assert policy.probabilities({"side": 1.0}, actions).tolist() == pytest.approx([0.9, 0.1])
    assert policy.probabilities({"side": -1.0}, actions).tolist() == pytest.approx([0.1, 0.9])


def test_several_threads_may_predict_and_learn() -> None:
    policy, log = make("--squarecb"), events.changing(200)
    wrong: list[BaseException] = []

    def work(offset: int) -> None:
        try:
            for event in log[offset::4]:
                assert abs(query(policy, event).sum() - 1.0) < 1e-9
                train(policy, [event])
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_features_are_numbers_or_name_and_value() -> None:
    assert features(np.array([0.5, 1e300])) == [("0", 0.5), ("1", 1e6)]
    assert features({"n": -1e300, "s": "x"}) == [("n", -1e6), ("s=x", 1.0)]


def test_it_is_registered_and_states_its_arithmetic() -> None:
    policy = registry.build("vw", {"command": "--cb_explore_adf --epsilon 0.1", "epsilon": 0.05})
    assert isinstance(policy, VWPolicy)
    assert "vowpalwabbit" in policy.arithmetic
    assert policy.fresh().config() == policy.config()


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vowpalwabbit", None)
    with pytest.raises(PolicyError, match=r"croupier\[vw\]"):
        VWPolicy()

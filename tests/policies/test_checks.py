"""The conformance suite detects faults: each of these policies has one, and one check finds it."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from croupier_policies import (
    Actions,
    Finding,
    InverseGapPolicy,
    LinearPolicy,
    PolicyError,
    RiverLearner,
    Row,
    SoftmaxPolicy,
    State,
    Vector,
    checks,
)
from croupier_policies.checks import common, learners, policies


class Unnormalised(SoftmaxPolicy):
    def probabilities(self, context: Row, actions: Actions) -> Vector:
        return super().probabilities(context, actions) * (1.0 + 1e-6)


class BelowItsFloor(SoftmaxPolicy):
    def probabilities(self, context: Row, actions: Actions) -> Vector:
        p = super().probabilities(context, actions) - 0.001 / len(actions)
        return np.asarray(p / p.sum())


class FavoursTheFirst(InverseGapPolicy):
    def probabilities(self, context: Row, actions: Actions) -> Vector:
        p = super().probabilities(context, actions) * 0.999
        p[0] += 0.001
        return p


class LogsAnotherVector(SoftmaxPolicy):
    """Half of its predictions are greedy, so the sampled distribution is not the logged one."""

    asked = 0

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        p = super().probabilities(context, actions)
        self.asked += 1
        greedy = 0.99 * (np.arange(len(p)) == p.argmax()) + 0.01 / len(p)
        return greedy if self.asked % 2 else p


class LearnsWhenAsked(LinearPolicy):
    def probabilities(self, context: Row, actions: Actions) -> Vector:
        self.model._encoder.observe(context if actions.rows is None else {})
        return super().probabilities(context, actions)


class ForgetsItsNoise(LinearPolicy):
    def restore(self, state: State) -> None:
        super().restore(state | {"noise": state["noise"] | {"squares": 0.25}})


class SharesItsState(LinearPolicy):
    def state(self) -> State:
        state = super().state()
        state["encoder"]["mean"] = self.model._encoder._mean
        return state


class HoldsATuple(SoftmaxPolicy):
    def state(self) -> State:
        return super().state() | {"pair": (1, 2)}


class ScalesItsInput(SoftmaxPolicy):
    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        super().learn(context, actions, index, reward, propensity)
        if isinstance(context, dict):
            context["seen"] = 1.0


class Stumbles(LinearPolicy):
    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        self.model._encoder.encode(context)  # raises where another width came in between
        super().learn(context, actions, index, reward, propensity)


class DrawsToLearn(SoftmaxPolicy):
    rng: ClassVar[np.random.Generator] = np.random.default_rng(0)

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        super().learn(context, actions, index, reward * float(self.rng.random()), propensity)


class Overflows(SoftmaxPolicy):
    def probabilities(self, context: Row, actions: Actions) -> Vector:
        numbers = context if isinstance(context, np.ndarray) else np.array([v for v in context.values() if v != str(v)])
        with np.errstate(all="ignore"):
            return super().probabilities(context, actions) + 0.0 * np.square(numbers).sum()


class Hoards(SoftmaxPolicy):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._rewards: list[float] = []

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        super().learn(context, actions, index, reward, propensity)
        self._rewards.append(reward)

    def state(self) -> State:
        return super().state() | {"rewards": list(self._rewards)}


class DropsInSilence(SoftmaxPolicy):
    def findings(self) -> list[Finding]:
        return []


class LearnsWhenListed(LinearPolicy):
    def findings(self) -> Sequence[Finding]:
        self.model._noise.add(0.5, 0.5, 0.0)
        return super().findings()


class LosesASetting(SoftmaxPolicy):
    def config(self) -> dict[str, Any]:
        return super().config() | {"v": 0.2}


class FlattersItself(RiverLearner):
    @property
    def loss(self) -> float:
        return super().loss * 0.9


class Overshoots(RiverLearner):
    def predict(self, context: Row, actions: Actions) -> Vector:
        return np.asarray(super().predict(context, actions) * 1.5)


FAULTS: list[tuple[Callable[[], Any], Callable[[Any], None], str]] = [
    (Unnormalised, policies.check_probabilities_are_a_distribution, "the sum is 1.00000"),
    (BelowItsFloor, policies.check_probabilities_are_a_distribution, "is below the floor"),
    (FavoursTheFirst, policies.check_order_does_not_matter, "became"),
    (LogsAnotherVector, policies.check_draws_match_probabilities, "excess draws where p is near"),
    (LearnsWhenAsked, common.check_predicting_changes_nothing, "predicting changed the state"),
    (LearnsWhenAsked, common.check_learning_is_deterministic, "one log gave two states"),
    (DrawsToLearn, common.check_learning_is_deterministic, "one log gave two states"),
    (ForgetsItsNoise, common.check_state_round_trips, "the restored state differs"),
    (SharesItsState, common.check_state_round_trips, "the state shares memory with its object"),
    (HoldsATuple, common.check_state_round_trips, "the state is not plain data and arrays"),
    (ScalesItsInput, common.check_inputs_are_not_modified, "input changed"),
    (Stumbles, common.check_late_rewards_are_learned, "all arrays must have one width"),
    (Overflows, common.check_extremes_stay_finite, "nan nan nan"),
    (Hoards, common.check_memory_is_bounded, "memory grows without bound"),
    (DropsInSilence, common.check_memory_is_bounded, "what had no room is not told"),
    (LearnsWhenListed, common.check_findings_change_nothing, "asking for findings changed the state"),
    (LosesASetting, common.check_config_rebuilds, "the rebuilt object predicts differently"),
    (FlattersItself, learners.check_loss_is_progressive, "the loss is not that of the predictions"),
    (Overshoots, learners.check_predictions_are_rewards, r"1\.\d"),
]


@pytest.mark.parametrize(("make", "check", "said"), FAULTS, ids=[f"{m.__name__}-{c.__name__}" for m, c, _ in FAULTS])
def test_a_fault_is_found(make: Callable[[], Any], check: Callable[[Any], None], said: str) -> None:
    """By the assertion meant for it; one that stumbles raises what it raises."""
    with pytest.raises(PolicyError if make is Stumbles else AssertionError, match=said):
        check(make)


def test_the_suite_runs_on_a_custom_policy() -> None:
    class Own(SoftmaxPolicy):
        name: ClassVar[str] = "own"

    checks.check_policy(Own)
    with pytest.raises(AssertionError, match="the sum is"):
        checks.check_policy(Unnormalised)
    checks.check_learner(RiverLearner)


def test_disagreeing_devices_are_detected() -> None:
    with pytest.raises(AssertionError):
        checks.check_devices_agree(SoftmaxPolicy, lambda: SoftmaxPolicy(v=0.1 + 1e-6))

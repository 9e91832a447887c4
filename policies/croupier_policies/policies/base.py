"""The common base of policies on one reward model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from croupier_policies.base import Actions, Finding, Policy, Row, State
from croupier_policies.exploration.base import Estimates
from croupier_policies.models.base import Model

MAX_SIZE = 10_000  # members of a bag or an ensemble


class ModelPolicy(Policy):
    """A policy whose state is that of its `model`."""

    model: Model

    @property
    def arithmetic(self) -> str:
        """What the bits of its results depend on."""
        return self.model.arithmetic

    def estimates(self, context: Row, actions: Actions) -> Estimates:
        """The model's estimates for each action."""
        return self.model.estimates(context, actions)

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Learn the reward."""
        self.model.learn(context, actions, index, reward)

    def learn_batch(self, contexts: Any, actions: Actions, indices: Any, rewards: Any, propensities: Any) -> None:
        """Learn rewarded decisions over array contexts, (B, n), in order; the other arguments have shape (B,).

        On device "cpu" the result equals that of `learn` event by event, bit for bit. On other devices the ridge model
        learns all rows of an action in one step, which differs by rounding, about 1e-9: use it for warm starts and
        studies, not where `learn` has to reproduce the state.

        >>> from croupier_policies import LinearPolicy
        >>> policy = LinearPolicy()
        >>> policy.learn_batch([[1.0], [2.0]], Actions(("a", "b")), [0, 1], [1.0, 0.0], [0.5, 0.5])
        >>> policy.model.state()["noise"]["count"]
        2
        """
        self.model.learn_batch(contexts, actions, indices, rewards)

    def discount(self, retain: float, action: str | None = None) -> None:
        """Discount the model's evidence; see `Policy.discount`."""
        self.model.discount(retain, action)

    def findings(self) -> Sequence[Finding]:
        """Those of the model."""
        return self.model.findings()

    def state(self) -> State:
        """The state of the model; a law has none."""
        return self.model.state()

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`."""
        self.model.restore(state)

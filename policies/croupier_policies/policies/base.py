"""What policies on one reward model share: all of it but the choice."""

from __future__ import annotations

from typing import Any

from croupier_policies.base import Actions, Policy, Row, State
from croupier_policies.exploration.base import Estimates
from croupier_policies.models.base import Model


class ModelPolicy(Policy):
    """A policy all of whose knowledge is its `model`'s."""

    model: Model

    @property
    def arithmetic(self) -> str:
        """What its bits depend on."""
        return self.model.arithmetic

    def estimates(self, context: Row, actions: Actions) -> Estimates:
        """What the model says of each action."""
        return self.model.estimates(context, actions)

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Fold the reward into the model."""
        self.model.learn(context, actions, index, reward)

    def learn_batch(self, contexts: Any, actions: Actions, indices: Any, rewards: Any, propensities: Any) -> None:
        """Fold in rewarded decisions over array contexts, (B, n), in their order; the rest are of shape (B,).

        On the compiled device it is what `learn` makes of them one after another, bit for bit. On the others the ridge
        model learns all rows of an action in one step, which differs by rounding, about 1e-9: for warm starts and
        studies, not for a log that `learn` has to reproduce.

        >>> from croupier_policies import LinearPolicy
        >>> policy = LinearPolicy()
        >>> policy.learn_batch([[1.0], [2.0]], Actions(("a", "b")), [0, 1], [1.0, 0.0], [0.5, 0.5])
        >>> policy.model.state()["noise"]["count"]
        2
        """
        self.model.learn_batch(contexts, actions, indices, rewards)

    def discount(self, retain: float, action: str | None = None) -> None:
        """Let the model forget."""
        self.model.discount(retain, action)

    def state(self) -> State:
        """The model's; a law knows nothing."""
        return self.model.state()

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        self.model.restore(state)
